#pragma once

// Random walks over the pure core: messages lost, repeated and reordered, disks that lag, crashes,
// restarts, compaction, hand-overs, changes of members. Safety is checked after every step by the
// cluster; when the faults stop, progress must come.

#include <cstdint>
#include <optional>
#include <string>

namespace polis::raft::testing {

// What is broken, or nothing. The same seed walks the same way.
std::optional<std::string> walk(std::uint64_t seed);

}  // namespace polis::raft::testing
