#pragma once

// Time as all code below cell/ sees it: nanoseconds since the machine was booted (CLOCK_BOOTTIME),
// never the wall clock.

#include <chrono>
#include <cstdint>

namespace polis {

using Duration = std::chrono::nanoseconds;

// The clock that an Instant belongs to. It has no now(): time is handed in.
struct BootClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};

using Instant = std::chrono::time_point<BootClock>;

}  // namespace polis
