#include "cli/clock_rates.hh"

namespace polis::cli {
namespace {

// Seconds by which the machine that asks saw the time pass, and by how much that may be wrong: each
// clock was read at some moment between question and answer.
struct Rate {
  double rate = 0, error = 0;
};

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

Instant middle(const ClockSample& sample) {
  return sample.asked + (sample.answered - sample.asked) / 2;
}

double uncertainty(const ClockSample& sample) {
  return seconds(sample.answered - sample.asked) / 2;
}

std::optional<Rate> rate_of(const ClockPair& pair) {
  if (!pair.first || !pair.second || !pair.first->in_time() || !pair.second->in_time())
    return std::nullopt;
  const double here = seconds(middle(*pair.second) - middle(*pair.first));
  const double there =
      static_cast<double>(pair.second->boot_clock_ns - pair.first->boot_clock_ns) / 1e9;
  if (here <= 0 || there <= 0) return std::nullopt;
  return Rate{there / here, (uncertainty(*pair.first) + uncertainty(*pair.second)) / here};
}

// The wall clock's distance from the clock of the machine that asks, in seconds.
double wall_offset(const ClockSample& sample) {
  return static_cast<double>(sample.wall_clock_ns) / 1e9 -
         seconds(middle(sample).time_since_epoch());
}

}  // namespace

std::optional<ClockDifference> difference(const ClockPair& reference, const ClockPair& one) {
  auto theirs = rate_of(reference), its = rate_of(one);
  if (!theirs || !its) return std::nullopt;
  return ClockDifference{.rate = its->rate / theirs->rate - 1,
                         .rate_error = its->error + theirs->error,
                         .wall_seconds = wall_offset(*one.second) - wall_offset(*reference.second),
                         .wall_error = uncertainty(*one.second) + uncertainty(*reference.second)};
}

}  // namespace polis::cli
