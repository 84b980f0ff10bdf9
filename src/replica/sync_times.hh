#pragma once

// How long the syncs of the write-ahead log take. Pure: time is handed in.

#include <cstdint>

#include "base/time.hh"

namespace polis::replica {

// A sync's time is measured from the write that asked for it until the sync has ended.
struct SyncTimes {
  Duration average{};       // a moving average: each new time weighs 1/16; zero: none yet
  Duration worst{};         // the longest of the last 10 to 20 seconds
  std::uint64_t count = 0;  // since the process started
  // A sync that took `took` has ended.
  void add(Duration took, Instant now);

 private:
  Instant window_{};
  Duration worst_now_{}, worst_before_{};
};

}  // namespace polis::replica
