#pragma once

// One simulated run: a configuration is drawn from the seed; faults happen for a time; then none
// happen, and progress must come. The same options give the same run to the byte.
//
// Threads: one for each run.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/cell.hh"
#include "sim/workload.hh"

namespace polis::sim {

// Which configurations are drawn. All that a profile does not fix is still drawn.
enum class Profile {
  kMixed,    // anything
  kLan,      // one room: fast and faithful; faults of machines
  kWan,      // places far apart: 20 to 80 ms, losses, partitions; timeouts to match
  kDisks,    // slow and stalling disks, many crashes
  kClocks,   // clocks that drift as much as is allowed, pauses, reads by lease
  kMembers,  // replicas come and go all the time
  // Real servers and clients over simulated connections, with faults of connections
  // (sim/wire_run.hh).
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
  bool trace = false;  // fill RunResult::trace
  // Clocks drift more than the replicas were told. Then leases are not safe, and the checkers must
  // notice it.
  bool clocks_break_bound = false;
};

struct RunResult {
  std::uint64_t seed = 0;
  std::optional<std::string> violation;  // what was broken; nullopt: nothing
  std::uint32_t digest = 0;              // a checksum of the run; equal for equal runs
  std::string config;                    // the drawn configuration, for people
  std::size_t operations = 0, acknowledged = 0, unknown = 0, crashes = 0, snapshots = 0,
              elections = 0, changes = 0, damages = 0, pauses = 0, leases = 0;
  std::uint64_t revision = 0, events = 0;
  // Profile kWire alone: connections, renewals that were answered on a stream, streams of watches,
  // and how often a client got a lock of the client library.
  std::uint64_t connections = 0, renewals = 0, streams = 0, locks_held = 0;
  Duration simulated{};  // virtual time
  std::vector<std::string> trace;
};

// When the faults stop, every replica must serve again within this virtual time.
inline constexpr Duration kProgressWithin = std::chrono::seconds(40);

// Carries out one run. A violation is in the result; it is not thrown.
RunResult run(const RunOptions& options);

}  // namespace polis::sim
