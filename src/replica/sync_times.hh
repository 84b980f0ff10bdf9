#pragma once

// How long the syncs of the write-ahead log take. Pure.

#include <cstdint>

#include "base/time.hh"

namespace polis::replica {

// Each time is measured from when the sync was asked for.
struct SyncTimes {
  Duration average{};  // the newest ones weigh most
  Duration worst{};    // in the last one or two windows of ten seconds
  std::uint64_t count = 0;
  void add(Duration took, Instant now);

 private:
  Instant window_{};
  Duration worst_now_{}, worst_before_{};
};

}  // namespace polis::replica
