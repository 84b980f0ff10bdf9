#pragma once

// Compares how fast the clocks of two replicas run, from two samples of each. Pure.
//
// Each sample is compared with the clock of the machine that asks, not with the other replica's
// sample: one replica that does not answer may delay the samples of the others by seconds.

#include <cstdint>
#include <optional>

#include "base/time.hh"

namespace polis::cli {

// A sample whose answer took longer than this is not used, because it says too little about when
// the clock was read.
inline constexpr Duration kSampleTookMax = std::chrono::milliseconds(200);

// A sample: what a replica's clocks showed, and when this machine asked and had the answer.
struct ClockSample {
  Instant asked, answered;         // by the clock of the machine that asks
  std::int64_t boot_clock_ns = 0;  // CLOCK_BOOTTIME of the replica
  std::int64_t wall_clock_ns = 0;  // nanoseconds since 1970, UTC

  bool in_time() const { return answered >= asked && answered - asked <= kSampleTookMax; }
};

struct ClockPair {
  std::optional<ClockSample> first, second;  // some time apart
};

struct ClockDifference {
  double rate = 0;          // the clock runs faster than the reference by this fraction
  double rate_error = 0;    // `rate` may be wrong by this much
  double wall_seconds = 0;  // the wall clock is ahead of the reference by this
  double wall_error = 0;    // `wall_seconds` may be wrong by this much
};

// Compares the clock of `one` with that of `reference`. nullopt: a sample is missing or took too
// long, or a machine was restarted between its samples.
std::optional<ClockDifference> difference(const ClockPair& reference, const ClockPair& one);

}  // namespace polis::cli
