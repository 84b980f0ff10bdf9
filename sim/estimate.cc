#include "sim/estimate.hh"

#include <fmt/format.h>

#include <cmath>
#include <queue>

#include "sim/stage.hh"

namespace polis::sim {
namespace {

using namespace std::chrono_literals;

constexpr double kSecondsPerYear = 365.25 * 24 * 3600;

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

CellConfig config_of(const DescribedCell& cell) {
  CellConfig config;
  config.replicas = cell.replicas();
  config.network = {.delay_min = cell.ping_inside * 2 / 5,
                    .delay_max = cell.ping_inside * 3 / 5,
                    .loss = cell.loss};
  config.disk = {.sync_min = cell.sync / 2, .sync_max = cell.sync * 3 / 2};
  config.heartbeat_interval = cell.heartbeat_interval;
  config.election_timeout_min = cell.election_timeout_min;
  config.election_timeout_max = cell.election_timeout_max;
  return config;
}

// One cell that is played for one trial.
class Trial {
 public:
  Trial(const DescribedCell& cell, std::uint64_t seed)
      : cell_(cell), playing_(Stage::with(cell.protocol)), stage_(config_of(cell), {}, seed) {
    stage_.cell().network().set_distance([&cell](std::size_t from, std::size_t to) {
      const std::size_t a = cell.place_of(from), b = cell.place_of(to);
      return a == b ? Duration() : cell.ping(a, b) / 2;
    });
    master_ = stage_.master();
    // A new master comes to rest; and not all failures hit the same point of a heartbeat.
    stage_.run_for(2s + cell.heartbeat_interval * static_cast<int>(seed % 16) / 16);
    master_ = stage_.master();
  }

  std::size_t master() const { return master_; }
  Stage& stage() { return stage_; }

  Duration write() {
    const Instant begin = stage_.world().now();
    if (!stage_.put(master_, "k", next_value())) broken_because("no write in a quiet cell");
    return stage_.world().now() - begin;
  }

  // From now until a write through one that is up is done.
  Duration writes_again() {
    const Instant begin = stage_.world().now();
    for (int i = 0; i < 10; ++i) {
      if (stage_.put(stage_.follower(), "k", next_value())) return stage_.world().now() - begin;
    }
    broken_because("no write within 100 s of a failure");
  }

  void crash_place(std::size_t place) {
    for (std::size_t i = 0; i < cell_.replicas(); ++i) {
      if (cell_.place_of(i) == place) stage_.crash(i);
    }
  }

  void tell_that_it_ended(std::size_t ended) {
    for (std::size_t i = 0; i < cell_.replicas(); ++i) {
      if (i == ended) continue;
      const std::size_t a = cell_.place_of(i), b = cell_.place_of(ended);
      stage_.world().after(cell_.ping(a, b) / 2, [this, i, ended] {
        if (stage_.node(i).up()) stage_.node(i).lose_peer(ended);
      });
    }
  }

 private:
  std::string next_value() { return std::to_string(++values_); }
  const DescribedCell& cell_;
  std::shared_ptr<void> playing_;
  Stage stage_;
  std::size_t master_ = 0;
  int values_ = 0;
};

class Failures {
 public:
  Failures(const DescribedCell& cell, const Played& played, std::uint64_t seed)
      : cell_(cell), played_(played), random_(seed) {
    for (std::size_t i = 0; i < cell.replicas(); ++i) add(i, cell.machine_failures);
    for (std::size_t i = 0; i < cell.places.size(); ++i)
      add(cell.replicas() + i, cell.place_failures);
    down_.assign(cell.replicas() + cell.places.size(), false);
  }

  Years run(double years) {
    const double end = years * kSecondsPerYear;
    while (!next_.empty() && next_.top().first < end) {
      auto [at, what] = next_.top();
      next_.pop();
      change(at, what);
    }
    if (outage_since_ >= 0) found_.seconds_no_majority += end - outage_since_;
    found_.years = years;
    found_.outages /= years;
    found_.seconds_no_majority /= years;
    found_.seconds_fail_over /= years;
    found_.fail_overs /= years;
    for (auto& [cause, times] : causes_) found_.causes.emplace_back(cause, times / years);
    std::sort(found_.causes.begin(), found_.causes.end(),
              [](const auto& a, const auto& b) { return a.second > b.second; });
    return std::move(found_);
  }

 private:
  double exponential(double mean) {
    return -mean * std::log1p(-static_cast<double>(random_.next() >> 11) * 0x1.0p-53);
  }
  void add(std::size_t what, double per_year) {
    if (per_year > 0) next_.push({exponential(kSecondsPerYear / per_year), what});
  }
  bool reached(std::size_t replica) const {
    return !down_[replica] && !down_[cell_.replicas() + cell_.place_of(replica)];
  }
  std::size_t count_reached() const {
    std::size_t n = 0;
    for (std::size_t i = 0; i < cell_.replicas(); ++i) n += reached(i);
    return n;
  }

  void change(double at, std::size_t what) {
    const bool machine = what < cell_.replicas();
    const bool had_master = outage_since_ < 0 && reached(master_);
    down_[what] = !down_[what];
    const double per_year = machine ? cell_.machine_failures : cell_.place_failures;
    const double mean = down_[what] ? seconds(machine ? cell_.machine_repair : cell_.place_repair)
                                    : kSecondsPerYear / per_year;
    next_.push({at + exponential(mean), what});
    if (count_reached() * 2 <= cell_.replicas()) {
      if (outage_since_ < 0) {
        outage_since_ = at;
        ++found_.outages;
        ++causes_[describe()];
      }
      return;
    }
    if (outage_since_ >= 0) {
      found_.seconds_no_majority += at - outage_since_;
      outage_since_ = -1;
      fail_over(played_.machine_silent);
    } else if (had_master && !reached(master_)) {
      fail_over(machine || played_.place_silent.all.empty() ? played_.machine_silent
                                                            : played_.place_silent);
    }
  }

  // Somebody who is reached becomes master.
  void fail_over(const Times& times) {
    ++found_.fail_overs;
    found_.seconds_fail_over += seconds(times.all[random_.below(times.all.size())]);
    std::size_t which = random_.below(count_reached());
    for (master_ = 0; !reached(master_) || which-- > 0; ++master_) {
    }
  }

  std::string describe() const {
    std::size_t machines = 0, places = 0;
    for (std::size_t i = 0; i < cell_.replicas(); ++i)
      machines += down_[i] && !down_[cell_.replicas() + cell_.place_of(i)];
    for (std::size_t i = 0; i < cell_.places.size(); ++i) places += down_[cell_.replicas() + i];
    std::string text;
    if (places > 0) text = fmt::format("{} place{}", places, places > 1 ? "s" : "");
    if (machines > 0)
      text += fmt::format("{}{} machine{}", text.empty() ? "" : " and ", machines,
                          machines > 1 ? "s" : "");
    return text;
  }

  const DescribedCell& cell_;
  const Played& played_;
  Random random_;
  using Next = std::pair<double, std::size_t>;  // when, and what changes: machines, then places
  std::priority_queue<Next, std::vector<Next>, std::greater<>> next_;
  std::vector<bool> down_;
  std::size_t master_ = 0;
  double outage_since_ = -1;
  std::map<std::string, double> causes_;
  Years found_;
};

}  // namespace

Result<void> DescribedCell::validate() const {
  auto wrong = [](std::string text) { return fail(ErrorCode::kInvalid, std::move(text)); };
  if (replicas() < 1 || replicas() > 7) {
    return wrong(fmt::format("{} replicas; a cell has 1 to 7", replicas()));
  }
  for (const DescribedPlace& place : places) {
    if (place.replicas == 0) return wrong("place " + place.name + " has no replica; leave it out");
  }
  if (loss < 0 || loss > 0.5) return wrong("more than half of all messages are lost");
  if (machine_failures < 0 || place_failures < 0) return wrong("failures cannot be negative");
  if (election_timeout_min < 3 * heartbeat_interval || election_timeout_max <= election_timeout_min)
    return wrong("an election timeout must be at least 3 heartbeats, and its maximum above it");
  for (std::size_t a = 0; a < places.size(); ++a) {
    for (std::size_t b = a + 1; b < places.size(); ++b) {
      if (ping(a, b) < election_timeout_min) continue;
      return wrong(fmt::format(
          "a ping between {} and {} takes as long as the election timeout: nobody could stay "
          "master; raise --election-timeout-min, -max and --heartbeat-interval",
          places[a].name, places[b].name));
    }
  }
  return {};
}

std::size_t DescribedCell::replicas() const {
  std::size_t n = 0;
  for (const DescribedPlace& place : places) n += place.replicas;
  return n;
}

std::size_t DescribedCell::place_of(std::size_t replica) const {
  std::size_t place = 0;
  for (; replica >= places[place].replicas; ++place) replica -= places[place].replicas;
  return place;
}

Duration DescribedCell::ping(std::size_t place, std::size_t other) const {
  if (place == other) return ping_inside;
  auto found = pings.find({std::min(place, other), std::max(place, other)});
  return found == pings.end() ? ping_between : found->second;
}

Duration Times::at(double fraction) const {
  if (all.empty()) return {};
  const double last = static_cast<double>(all.size() - 1);
  return all[static_cast<std::size_t>(std::lround(fraction * last))];
}

Played play(const DescribedCell& cell, std::size_t trials, std::uint64_t seed) {
  Played played;
  const std::size_t size = cell.replicas();
  for (std::size_t i = 0; i < trials; ++i) {
    const std::uint64_t own = seed + i;
    Trial quiet(cell, own);
    const consensus::Term term = quiet.stage().term();
    for (int n = 0; n < 20; ++n) {
      played.write.all.push_back(quiet.write());
      quiet.stage().run_for(100ms);
    }
    quiet.stage().run_for(28s);
    played.elections_without_cause += quiet.stage().term().value - term.value;
    played.quiet += 30s;
    if (size < 3) continue;  // nobody takes over

    Trial ends(cell, own);
    ends.stage().crash(ends.master());
    ends.tell_that_it_ended(ends.master());
    played.process_ends.all.push_back(ends.writes_again());

    Trial silent(cell, own);
    silent.stage().crash(silent.master());
    played.machine_silent.all.push_back(silent.writes_again());

    Trial place(cell, own);
    const std::size_t lost = cell.place_of(place.master());
    if ((size - cell.places[lost].replicas) * 2 <= size) continue;
    place.crash_place(lost);
    played.place_silent.all.push_back(place.writes_again());
  }
  for (Times* times :
       {&played.write, &played.process_ends, &played.machine_silent, &played.place_silent})
    std::sort(times->all.begin(), times->all.end());
  // Who is alone comes back by a restart: its election is not noticed beside that.
  if (played.machine_silent.all.empty()) played.machine_silent.all.push_back({});
  return played;
}

double Years::availability() const {
  return 1 - (seconds_no_majority + seconds_fail_over) / kSecondsPerYear;
}

Years draw_years(const DescribedCell& cell, const Played& played, double years,
                 std::uint64_t seed) {
  return Failures(cell, played, seed).run(years);
}

}  // namespace polis::sim
