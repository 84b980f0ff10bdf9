#include "sim/compare.hh"

#include <fmt/format.h>

#include <charconv>

#include "sim/stage.hh"

namespace polis::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kEach = 10ms;  // a write begins so often, whatever the others do
constexpr int kWrites = 1000;     // in one cell
constexpr int kMissed = 2000;     // writes that the returning replica has missed
const std::string kValue(100, 'v');

double milliseconds(Duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

CellConfig config_of(const Contender& who, const Surroundings& where, double loss) {
  CellConfig config;
  config.replicas = who.replicas;
  config.quorum = who.quorum;
  config.network = where.network;
  config.network.loss = loss;
  config.disk = where.disk;
  config.log_retain_bytes = 64 << 20;  // who returns is sent the log and no snapshot
  return config;
}

class Comparison {
 public:
  Comparison(const Contender& who, const Surroundings& where, double loss, std::uint64_t seed)
      : playing_(Stage::with(who.protocol)), stage_(config_of(who, where, loss), {}, seed) {
    stage_.cell().network().set_distance([&where](std::size_t from, std::size_t to) {
      return where.between * static_cast<int>(from < to ? to - from : from - to);
    });
    master_ = stage_.master();
    // A new master comes to rest; and not all begin at the same point of a heartbeat.
    stage_.run_for(2s + 50ms * static_cast<int>(seed % 16) / 16);
    master_ = stage_.master();
  }

  void write_on_schedule(Compared::Writes& found) {
    const Counts before = counts();
    for (int i = 0; i < kWrites; ++i) {
      stage_.begin_put(master_, fmt::format("k{}", i % 100), fmt::format("{}{}", kValue, i));
      stage_.run_for(kEach);
    }
    const Counts after = counts();
    stage_.run_for(10s);
    for (const Operation& op : stage_.history().operations) {
      if (op.outcome != Outcome::kOk) {
        ++found.unanswered;
      } else {
        found.took.all.push_back(op.returned - op.invoked);
      }
    }
    found.messages += (after.messages - before.messages) / kWrites;
    found.bytes += (after.bytes - before.bytes) / kWrites;
    found.syncs += (after.syncs - before.syncs) / kWrites;
  }

  Duration fail_over() {
    stage_.crash(master_);
    const Instant begin = stage_.world().now();
    for (int i = 0; i < 10; ++i) {
      if (stage_.put(stage_.follower(), "k", fmt::format("after {}", i)))
        return stage_.world().now() - begin;
    }
    broken_because("no write within 100 s of a failure");
  }

  // The last replica, which may be the master: then another one.
  Compared::Return bring_back() {
    const std::size_t absent = master_ + 1 == stage_.cell().size() ? 0 : stage_.cell().size() - 1;
    stage_.crash(absent);
    for (int i = 0; i < kMissed; ++i) {
      stage_.begin_put(master_, fmt::format("k{}", i), kValue + std::to_string(i));
      stage_.run_for(1ms);
    }
    stage_.run_for(2s);
    const Counts quiet = counts();
    stage_.run_for(1s);
    const Counts before = counts();
    const Instant begin = stage_.world().now();
    stage_.start(absent);
    stage_.until("the replica that returned has everything",
                 [&] { return stage_.status(absent).commit >= stage_.status(master_).commit; });
    const Duration took = stage_.world().now() - begin;
    const double seconds = milliseconds(took) / 1000;
    const Counts after = counts();
    return {took, after.messages - before.messages - (before.messages - quiet.messages) * seconds,
            after.bytes - before.bytes - (before.bytes - quiet.bytes) * seconds};
  }

 private:
  struct Counts {
    double messages = 0, bytes = 0, syncs = 0;
  };
  Counts counts() {
    const Network& network = stage_.cell().network();
    Counts now{static_cast<double>(network.sent()), static_cast<double>(network.sent_bytes()), 0};
    for (std::size_t i = 0; i < stage_.cell().size(); ++i)
      now.syncs += static_cast<double>(stage_.node(i).syncs());
    return now;
  }

  std::shared_ptr<void> playing_;
  Stage stage_;
  std::size_t master_ = 0;
};

}  // namespace

std::string Contender::name() const {
  std::string text = to_string(protocol);
  if (replicas != 3 || quorum != consensus::QuorumRule()) text += fmt::format("/{}", replicas);
  if (quorum != consensus::QuorumRule()) text += "/" + to_string(quorum);
  return text;
}

Result<Contender> parse_contender(std::string_view text) {
  auto wrong = [&](std::string_view why) {
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}': {}; PROTOCOL[/REPLICAS[/QUORUM]] is meant, as in raft, paxos/5 "
                            "or paxos/5/flexible:4,2",
                            text, why));
  };
  std::string_view parts[3];
  std::string_view rest = text;
  for (std::string_view& part : parts) {
    part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  }
  Contender who;
  const auto protocol = consensus::protocol_of(parts[0]);
  if (!protocol || !rest.empty()) return wrong("there is no such protocol");
  who.protocol = *protocol;
  if (!parts[1].empty()) {
    auto [end, error] =
        std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), who.replicas);
    if (error != std::errc() || end != parts[1].data() + parts[1].size() || who.replicas < 3 ||
        who.replicas > 7)
      return wrong("3 to 7 replicas can be compared");
  }
  auto quorum = consensus::parse_quorum(parts[2]);
  if (!quorum) return std::unexpected(quorum.error());
  who.quorum = *quorum;
  if (who.quorum.kind == consensus::QuorumKind::kPlaces)
    return wrong("its machines have no places");
  if (who.quorum.kind == consensus::QuorumKind::kFlexible &&
      who.protocol == consensus::Protocol::kRaft)
    return wrong("flexible quorums are for paxos");
  consensus::Configuration configuration;
  configuration.quorum = who.quorum;
  for (std::size_t i = 1; i <= who.replicas; ++i) configuration.voters.emplace_back(i);
  if (auto safe = consensus::check_quorums(configuration); !safe)
    return std::unexpected(safe.error());
  return who;
}

Result<Surroundings> parse_surroundings(std::string_view name) {
  const DiskFaults disk{.sync_min = 200us, .sync_max = 600us};
  const NetworkFaults near{.delay_min = 100us, .delay_max = 200us};
  if (name == "lan")
    return Surroundings{"lan",
                        "one room: 0.2 to 0.4 ms there and back; a sync takes 0.2 to 0.6 ms",
                        near,
                        {},
                        disk};
  if (name == "wan")
    return Surroundings{"wan",
                        "places in a row: 20 ms there and back to the next, 40 to the one after "
                        "it; a sync takes 0.2 to 0.6 ms",
                        {.delay_min = 100us, .delay_max = 600us},
                        10ms,
                        disk};
  if (name == "lossy")
    return Surroundings{
        "lossy",
        "one room with bad cables: besides what is lost, 2 % of all messages are "
        "20 ms late and 1 % come twice",
        {.delay_min = 100us, .delay_max = 200us, .repeat = 0.01, .late = 0.02, .late_by = 20ms},
        {},
        disk};
  return fail(ErrorCode::kInvalid,
              fmt::format("there is no profile '{}'; known are lan, wan and lossy", name));
}

Compared compare(const Contender& who, const Surroundings& where, std::size_t trials,
                 std::uint64_t seed) {
  Compared found;
  found.who = who;
  const auto each = static_cast<double>(trials);
  for (double loss : kLosses) {
    Compared::Writes& writes = found.writes.emplace_back();
    writes.loss = loss;
    for (std::size_t i = 0; i < trials; ++i)
      Comparison(who, where, loss, seed + i).write_on_schedule(writes);
    for (double* sum : {&writes.messages, &writes.bytes, &writes.syncs}) *sum /= each;
    std::sort(writes.took.all.begin(), writes.took.all.end());
  }
  std::vector<Compared::Return> returns;
  for (std::size_t i = 0; i < trials; ++i) {
    found.fail_over.all.push_back(Comparison(who, where, 0, seed + i).fail_over());
    returns.push_back(Comparison(who, where, 0, seed + i).bring_back());
  }
  std::sort(found.fail_over.all.begin(), found.fail_over.all.end());
  std::sort(returns.begin(), returns.end(), [](auto& a, auto& b) { return a.took < b.took; });
  found.back = returns[returns.size() / 2];
  return found;
}

std::vector<Panel> panels(const std::vector<Compared>& all) {
  std::vector<Panel> made;
  for (std::size_t i = 0; i < std::size(kLosses); ++i) {
    Panel panel{
        .title = fmt::format("Latency of a write, {:g} % of messages lost", kLosses[i] * 100),
        .unit = "milliseconds, by percentile",
        .points = {"50", "75", "90", "95", "99", "99.9"},
        .logarithmic = true};
    for (const Compared& one : all) {
      Series series{one.who.name(), {}};
      for (double fraction : {0.5, 0.75, 0.9, 0.95, 0.99, 0.999})
        series.values.push_back(milliseconds(one.writes[i].took.at(fraction)));
      panel.series.push_back(std::move(series));
    }
    made.push_back(std::move(panel));
  }
  Panel costs{.title = "Cost of a write",
              .unit = "of the whole cell, for each write",
              .points = {"messages", "syncs of a disk"},
              .bars = true};
  Panel stops{.title = "Writes stop when the master's machine dies",
              .unit = "milliseconds",
              .points = {"median", "worst"},
              .bars = true};
  Panel returns{.title = "A replica returns that missed 2,000 writes",
                .unit = "milliseconds, messages",
                .points = {"time", "messages"},
                .bars = true};
  for (const Compared& one : all) {
    const std::string name = one.who.name();
    costs.series.push_back({name, {one.writes[0].messages, one.writes[0].syncs}});
    stops.series.push_back(
        {name, {milliseconds(one.fail_over.at(0.5)), milliseconds(one.fail_over.at(1))}});
    returns.series.push_back({name, {milliseconds(one.back.took), one.back.messages}});
  }
  for (Panel* panel : {&costs, &stops, &returns}) made.push_back(std::move(*panel));
  return made;
}

}  // namespace polis::sim
