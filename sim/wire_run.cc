#include "sim/wire_run.hh"

#include <fmt/format.h>

#include "base/crc32c.hh"
#include "sim/forwarder.hh"
#include "sim/typed_workload.hh"
#include "sim/wire_cell.hh"
#include "sim/wire_workload.hh"

namespace polis::sim {
namespace {

using namespace std::chrono_literals;

// What one run does, drawn from its seed. Each run leaves some faults out, so that the others go
// deeper.
struct WirePlan {
  CellConfig cell;
  WireQuality quality;
  std::size_t keys_clients = 3, lease_clients = 3, watches = 2, locks = 0;
  std::size_t value_bytes_max = 20'000;
  bool compactions = false;
  // How often each fault comes, per second of virtual time.
  double crashes = 0, stops = 0, pauses = 0, stalls = 0, cuts = 0, resets = 0, mutes = 0, moves = 0,
         lies = 0;
};

WirePlan draw(Random& random, const RunOptions& options) {
  WirePlan plan;
  plan.cell.protocol = options.protocol;
  plan.cell.replicas = options.replicas != 0 ? options.replicas : random.chance(0.2) ? 1 : 3;
  plan.cell.disk.sync_max = random.chance(0.5) ? 500us : 8ms;
  plan.cell.log_retain_bytes = random.chance(0.3) ? 16 << 10 : 1 << 20;
  static constexpr double drifts[] = {0.00025, 0.02, 0.2};
  plan.cell.clock_drift_max = drifts[random.below(3)];
  plan.quality.delay_max = random.chance(0.5) ? 500us : 20ms;
  if (random.chance(0.4)) plan.quality.loss = random.chance(0.5) ? 0.001 : 0.02;
  static constexpr std::size_t segments[] = {100, 1500, 16 << 10};
  plan.quality.segment_bytes_max = segments[random.below(3)];
  static constexpr std::size_t rooms[] = {3000, 16 << 10, 128 << 10};
  plan.quality.room_bytes_max = rooms[random.below(3)];
  plan.keys_clients = 2 + random.below(3);
  plan.lease_clients = 2 + random.below(3);
  plan.compactions = random.chance(0.5);
  if (random.chance(0.5)) plan.crashes = random.chance(0.5) ? 0.1 : 0.5;
  if (random.chance(0.4)) plan.pauses = 0.3;
  if (random.chance(0.4)) plan.stalls = 0.3;
  if (random.chance(0.5)) plan.cuts = random.chance(0.5) ? 0.2 : 1;
  if (random.chance(0.6)) plan.resets = random.chance(0.5) ? 0.5 : 4;
  if (random.chance(0.4)) plan.mutes = 0.3;
  if (random.chance(0.4)) plan.moves = 0.1;
  if (random.chance(0.5)) plan.lies = 0.5;
  if (random.chance(0.5)) plan.locks = 2 + random.below(3);
  if (random.chance(0.4)) plan.stops = 0.2;
  // As much as fits through connections with so little room in the time that clients wait.
  if (random.chance(0.3))
    plan.value_bytes_max = std::min<std::size_t>(
        {200'000, 10 * plan.quality.room_bytes_max, 200 * plan.quality.segment_bytes_max});
  return plan;
}

class WireRun {
 public:
  explicit WireRun(const RunOptions& options)
      : options_(options),
        random_(options.seed ^ 0x77697265ULL),
        plan_(draw(random_, options)),
        wire_(options.seed, plan_.cell, plan_.quality) {
    result_.seed = options.seed;
    result_.config = fmt::format(
        "{} delay={}us loss={} segments={} room={} crashes={} pauses={} stalls={} cuts={} "
        "resets={} "
        "mutes={} moves={} lies={} stops={} locks={}",
        plan_.cell.describe(),
        std::chrono::duration_cast<std::chrono::microseconds>(plan_.quality.delay_max).count(),
        plan_.quality.loss, plan_.quality.segment_bytes_max, plan_.quality.room_bytes_max,
        plan_.crashes, plan_.pauses, plan_.stalls, plan_.cuts, plan_.resets, plan_.mutes,
        plan_.moves, plan_.lies, plan_.stops, plan_.locks);
  }

  RunResult go() {
    try {
      start();
      faults();
      recover();
      wire_.check();
    } catch (const Violation& violation) {
      result_.violation = violation.what();
      note("VIOLATION " + *result_.violation);
    }
    count();
    return std::move(result_);
  }

 private:
  void note(const std::string& text) {
    digest_ = crc32c(text, digest_);
    if (!options_.trace) return;
    const auto since = std::chrono::duration<double>(wire_.world().now().time_since_epoch());
    result_.trace.push_back(fmt::format("{:10.6f} {}", since.count() - 1, text));
  }

  void start() {
    note("seed " + std::to_string(options_.seed) + " " + result_.config);
    wire_.on_role = [this](std::size_t place, const consensus::RoleState& role) {
      result_.elections += role.role == consensus::Role::kMaster;
      note(fmt::format("replica {} is {} in term {}", place + 1, to_string(role.role),
                       role.term.value));
    };
    StreamNetwork& network = wire_.network();
    for (std::size_t place = 0; place < wire_.size(); ++place)
      doors_.push_back(std::make_unique<Forwarder>(network, fmt::format("door{}", place + 1), 1,
                                                   WireCell::address_of(place)));
    History& history = wire_.history();
    for (std::size_t i = 0; i < plan_.keys_clients; ++i)
      keys_.push_back(
          std::make_unique<WireKeys>(network, draw_endpoints(), history,
                                     WireKeys::Options{.number = i,
                                                       .value_bytes_max = plan_.value_bytes_max,
                                                       .compactions = plan_.compactions}));
    for (std::size_t i = 0; i < plan_.lease_clients; ++i)
      leases_.push_back(std::make_unique<WireLeases>(
          network, draw_endpoints(), history,
          WireLeases::Options{.number = i, .half_closes = random_.chance(0.4)}));
    for (std::size_t i = 0; i < plan_.watches; ++i)
      watches_.push_back(std::make_unique<WireWatch>(
          network, draw_endpoints(), history,
          WireWatch::Options{.number = i, .half_closes = random_.chance(0.4)}));
    if (plan_.locks > 0)
      locks_ = std::make_unique<TypedLocks>(
          network, draw_endpoints(),
          TypedLocks::Options{.clients = plan_.locks, .drift_max = plan_.cell.clock_drift_max});
    typed_watch_ = std::make_unique<TypedWatch>(network, draw_endpoints(), history);
    for (auto& one : keys_) one->start();
    for (auto& one : leases_) one->start();
    for (auto& one : watches_) one->start();
    if (locks_) locks_->start();
  }

  // Each replica by its name, or by the forwarder in front of it.
  std::vector<io::Address> draw_endpoints() {
    std::vector<io::Address> all;
    for (std::size_t place = 0; place < wire_.size(); ++place)
      all.push_back(random_.chance(0.5) ? WireCell::address_of(place) : doors_[place]->address());
    return all;
  }

  StreamHost& any_client() {
    std::vector<StreamHost*> all{&typed_watch_->process().host()};
    for (auto& one : keys_) all.push_back(&one->process().host());
    for (auto& one : leases_) all.push_back(&one->process().host());
    for (auto& one : watches_) all.push_back(&one->process().host());
    for (std::size_t i = 0; locks_ && i < locks_->size(); ++i)
      all.push_back(&locks_->process(i).host());
    return *all[random_.below(all.size())];
  }
  StreamHost& anybody() {
    return random_.chance(0.5) ? any_client() : wire_.host(random_.below(wire_.size()));
  }
  Duration below(Duration max) {
    return Duration(
        static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(max.count()))));
  }
  bool comes(double per_second) { return random_.chance(per_second * 0.02); }

  void faults() {
    const Instant end = wire_.world().now() + options_.faults;
    while (wire_.world().now() < end) {
      wire_.run_for(20ms);
      if (comes(plan_.crashes)) crash(random_.below(wire_.size()));
      if (comes(plan_.stops)) stop(random_.below(wire_.size()));
      if (comes(plan_.pauses)) pause(wire_.host(random_.below(wire_.size())));
      if (comes(plan_.stalls)) pause(any_client());
      if (comes(plan_.cuts)) cut();
      if (comes(plan_.resets)) wire_.network().reset_one(anybody(), random_);
      if (comes(plan_.mutes)) wire_.network().mute_one(anybody(), random_);
      if (comes(plan_.moves)) move(random_.below(wire_.size()));
      if (comes(plan_.lies)) lie();
    }
  }

  void crash(std::size_t place) {
    if (!wire_.node(place).up()) return;
    const Ending ending = random_.chance(0.5) ? Ending::kKilled : Ending::kPowerFails;
    note(fmt::format("replica {} {}", place + 1,
                     ending == Ending::kKilled ? "is killed" : "loses its power"));
    ++result_.crashes;
    wire_.crash(place, ending);
    wire_.world().after(below(random_.chance(0.7) ? 2s : 8s), [this, place] { restart(place); });
  }

  void stop(std::size_t place) {
    if (!wire_.node(place).up()) return;
    note(fmt::format("stop {}", place + 1));
    wire_.stop(place);
    wire_.world().after(3s + below(2s), [this, place] { restart(place); });
  }

  void restart(std::size_t place) {
    if (wire_.node(place).up()) return;
    note(fmt::format("restart {}", place + 1));
    wire_.start(place);
  }

  void pause(StreamHost& host) {
    const Duration length = below(3s);
    note(fmt::format("{} stands still for {} ms", host.address(), length / 1ms));
    ++result_.pauses;
    host.machine().pause(length, random_.chance(0.5));
  }

  void cut() {
    if (random_.chance(0.4)) {
      note("heal");
      return wire_.network().heal();
    }
    StreamHost& one = wire_.host(random_.below(wire_.size()));
    StreamHost& other = anybody();
    const bool both = random_.chance(0.5);
    note(fmt::format("cut {} and {}{}", one.address(), other.address(), both ? "" : ", one way"));
    wire_.network().cut(one, other);
    if (both) wire_.network().cut(other, one);
  }

  // The machine comes back elsewhere, and its name follows later.
  void move(std::size_t place) {
    if (!wire_.node(place).up()) return;
    note(fmt::format("replica {} moves", place + 1));
    ++result_.crashes;
    wire_.crash(place, Ending::kPowerFails);
    wire_.network().move(wire_.host(place));
    wire_.world().after(below(2s), [this, place] { restart(place); });
    wire_.world().after(below(4s), [this, place] {
      wire_.network().set_name(WireCell::name_of(place), wire_.host(place));
    });
  }

  void lie() {
    Forwarder& door = *doors_[random_.below(doors_.size())];
    door.set_mode(static_cast<Forwarder::Mode>(random_.below(3)));
    note(fmt::format("forwarder {} does {}", door.address().host, static_cast<int>(door.mode())));
  }

  // The faults stop: everyone must come back and serve within a stated time.
  void recover() {
    note("faults stop");
    wire_.network().heal();
    wire_.network().set_quality({});
    for (auto& door : doors_) door->set_mode(Forwarder::Mode::kForwards);
    for (auto& one : keys_) one->stop();
    for (auto& one : leases_) one->stop();
    if (locks_) locks_->stop();
    const Instant deadline = wire_.world().now() + kProgressWithin;
    wire_.run_for(10s);  // machines that are away come back; requests end
    for (std::size_t place = 0; place < wire_.size(); ++place) {
      probes_.push_back(
          std::make_unique<WireKeys>(wire_.network(), std::vector{WireCell::address_of(place)},
                                     wire_.history(), WireKeys::Options{.number = 100 + place}));
      probe(place, 1);
    }
    wire_.until(
        "every replica serves and all stand at one revision",
        [&] { return served_ == wire_.size() && wire_.settled() && watches_complete(); },
        deadline - wire_.world().now());
    wire_.run_for(2s);
  }

  void probe(std::size_t place, int attempt) {
    probes_[place]->process().machine().post([this, place, attempt] {
      probes_[place]->put(fmt::format("probe{}", place), fmt::format("p{}-{}", place, attempt),
                          [this, place, attempt](Outcome outcome) {
                            if (outcome == Outcome::kOk)
                              ++served_;
                            else
                              probe(place, attempt + 1);
                          });
    });
  }

  bool watches_complete() {
    const std::uint64_t revision = wire_.node(0).replica().store().revision();
    return typed_watch_->seen() >= revision &&
           std::all_of(watches_.begin(), watches_.end(),
                       [&](const auto& watch) { return watch->seen() >= revision; });
  }

  void count() {
    for (const Operation& op : wire_.history().operations) {
      ++result_.operations;
      result_.acknowledged += op.outcome == Outcome::kOk;
      result_.unknown += op.outcome == Outcome::kUnknown || op.outcome == Outcome::kUnderWay;
      digest_ = crc32c(fmt::format("{} {} {}", op.key, op.revision, static_cast<int>(op.outcome)),
                       digest_);
    }
    if (wire_.node(0).up()) result_.revision = wire_.node(0).replica().store().revision();
    result_.leases = wire_.history().leases.size();
    result_.events = wire_.world().events();
    result_.connections = wire_.network().connections();
    for (auto& one : leases_) result_.renewals += one->renewals();
    for (auto& one : watches_) result_.streams += one->streams();
    if (locks_) result_.locks_held = locks_->held();
    result_.simulated = wire_.world().now().time_since_epoch();
    result_.digest = digest_;
  }

  RunOptions options_;
  Random random_;
  WirePlan plan_;
  WireCell wire_;
  // Clients end before the network.
  std::vector<std::unique_ptr<Forwarder>> doors_;
  std::vector<std::unique_ptr<WireKeys>> keys_, probes_;
  std::vector<std::unique_ptr<WireLeases>> leases_;
  std::vector<std::unique_ptr<WireWatch>> watches_;
  std::unique_ptr<TypedLocks> locks_;
  std::unique_ptr<TypedWatch> typed_watch_;
  std::size_t served_ = 0;
  RunResult result_;
  std::uint32_t digest_ = 0;
};

}  // namespace

RunResult run_on_the_wire(const RunOptions& options) { return WireRun(options).go(); }

}  // namespace polis::sim
