#include "consensus/election_clock.hh"

namespace polis::consensus {
namespace {

// After the loss of a master. The lease promises of all voters began with the same round, so they
// end at about the same time: the first voter waits this long for the others' to end.
constexpr Duration kLostMasterDelay = std::chrono::milliseconds(10);
// Each next voter waits this much longer, so that the one before it has time to win.
constexpr Duration kLostMasterStep = std::chrono::milliseconds(40);

}  // namespace

ElectionClock::ElectionClock(const Options& options, Duration promise_longest, Instant now)
    : options_(options),
      random_(options.seed ^ (options.id.value * 0x9e3779b97f4a7c15ULL)),
      promise_(promise_longest, now) {
  forget(now);
  restart(now);
}

void ElectionClock::hear(Instant now) {
  heard_ = now;
  restart(now);
}

void ElectionClock::restart(Instant now) {
  auto spread = static_cast<std::uint64_t>(
      (options_.election_timeout_max - options_.election_timeout_min).count());
  deadline_ = std::max(now + options_.election_timeout_min, promise_.until()) +
              Duration(static_cast<std::int64_t>(random_.below(spread)));
}

// One voter begins after the other, so that the first one wins before the second begins.
void ElectionClock::hurry(Instant now, std::int64_t place) {
  deadline_ = std::min(
      deadline_, std::max(now, promise_.until()) + kLostMasterDelay + kLostMasterStep * place);
}

}  // namespace polis::consensus
