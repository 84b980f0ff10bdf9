#pragma once

// Scenarios (scenarios.hh) in which a replica is given a state. Violation: what does not hold.

#include <cstdint>

namespace polis::sim {

void removed_in_a_snapshot();
void power_fails_behind_a_snapshot(std::uint64_t seed);
void all_stop_in_silence();

}  // namespace polis::sim
