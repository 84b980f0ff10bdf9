#pragma once

// How fast the clocks of two replicas run beside each other, from two looks at each of them. Pure.
//
// Every time is compared with the clock of the machine that asks, not with the order of the
// questions: a replica that does not answer may hold up the questions to the others by seconds.

#include <cstdint>
#include <optional>

#include "base/time.hh"

namespace polis::cli {

// An answer that took longer says too little about when the clock was read: the replica, or a
// machine on the way, was paused or busy. Such a sample is not used.
inline constexpr Duration kSampleTookMax = std::chrono::milliseconds(200);

// What one replica's clocks said, and when this machine asked and had the answer.
struct ClockSample {
  Instant asked, answered;         // by the clock of the machine that asks
  std::int64_t boot_clock_ns = 0;  // CLOCK_BOOTTIME of the replica
  std::int64_t wall_clock_ns = 0;

  bool in_time() const { return answered >= asked && answered - asked <= kSampleTookMax; }
};

struct ClockPair {
  std::optional<ClockSample> first, second;  // some time apart
};

struct ClockDifference {
  double rate = 0;          // fraction by which the clock runs faster than the reference
  double rate_error = 0;    // and how far that may be wrong
  double wall_seconds = 0;  // by how much the wall clock is ahead of the reference
  double wall_error = 0;
};

// Nothing, unless both clocks were read twice in time, one after the other, by a process that was
// not restarted between.
std::optional<ClockDifference> difference(const ClockPair& reference, const ClockPair& one);

}  // namespace polis::cli
