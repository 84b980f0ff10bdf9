#pragma once

// One simulated run: a configuration drawn from the seed, a time of faults, then a time without, in
// which progress must come. The same seed gives the same run to the byte.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/cell.hh"
#include "sim/workload.hh"

namespace polis::sim {

// What the drawn configurations lean to; everything else is still drawn.
enum class Profile {
  kMixed,    // anything
  kLan,      // one room: fast and faithful; faults of machines
  kWan,      // places far apart: 20 to 80 ms, losses, partitions; timeouts to match
  kDisks,    // slow and stalling disks, many crashes
  kClocks,   // clocks at both ends of what is allowed, pauses, reads by lease
  kMembers,  // replicas come and go all the time
  // Real gRPC over simulated connections, and what becomes of connections (sim/wire_run.hh).
  kWire,
};
const char* to_string(Profile profile);
inline constexpr Profile kProfiles[] = {Profile::kMixed, Profile::kLan,    Profile::kWan,
                                        Profile::kDisks, Profile::kClocks, Profile::kMembers,
                                        Profile::kWire};

struct RunOptions {
  std::uint64_t seed = 1;
  consensus::Protocol protocol = consensus::Protocol::kRaft;
  std::size_t replicas = 0;                    // 0: the seed decides
  Duration faults = std::chrono::seconds(20);  // virtual time
  Profile profile = Profile::kMixed;
  bool trace = false;
  // Clocks that run apart faster than the replicas were told: what leases stand on is gone, and the
  // checkers must notice.
  bool clocks_break_bound = false;
};

struct RunResult {
  std::uint64_t seed = 0;
  std::optional<std::string> violation;
  std::uint32_t digest = 0;
  std::string config;
  std::size_t operations = 0, acknowledged = 0, unknown = 0, crashes = 0, snapshots = 0,
              elections = 0, changes = 0, damages = 0, pauses = 0, leases = 0;
  std::uint64_t revision = 0, events = 0;
  // Of the profile kWire: connections, renewals that were answered on a stream, streams of watches,
  // and how often somebody came to hold a lock of the client library.
  std::uint64_t connections = 0, renewals = 0, streams = 0, locks_held = 0;
  Duration simulated{};  // virtual time
  std::vector<std::string> trace;
};

// Virtual time within which every replica must serve again after the faults stop.
inline constexpr Duration kProgressWithin = std::chrono::seconds(40);

RunResult run(const RunOptions& options);

}  // namespace polis::sim
