#pragma once

// Counts of what a replica has done since its process started, for people and for metrics. The
// comment beside each count names the part that raises it.
//
// Threads: the loop's.

#include <cstdint>

namespace polis::replica {

struct Counters {
  std::uint64_t entries_proposed = 0, commands_applied = 0;  // Commands
  std::uint64_t commands_failed = 0;  // Commands: accepted, and ended with an unknown outcome
  std::uint64_t syncs = 0;            // LogWriter
  std::uint64_t snapshots_sent = 0;   // SnapshotSender
  std::uint64_t slow_hand_overs = 0;  // HandOvers
  std::uint64_t messages_sent = 0;    // Replica and Commands
  std::uint64_t messages_received = 0, role_changes = 0, snapshots_installed = 0;  // Replica
};

}  // namespace polis::replica
