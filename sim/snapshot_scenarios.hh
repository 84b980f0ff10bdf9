#pragma once

// Scenarios (scenarios.hh) in which a replica gets its state from a snapshot. Each throws a
// Violation if its fact does not hold.

#include <cstdint>

namespace polis::sim {

void removed_in_a_snapshot();
void power_fails_behind_a_snapshot(std::uint64_t seed);
void all_stop_in_silence();

}  // namespace polis::sim
