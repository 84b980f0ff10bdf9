#pragma once

// Scenarios (scenarios.hh) about the connection between a client and its replica: streams,
// connections, names and forwarders. scenarios.cc adds them to its list.

#include <vector>

#include "sim/scenarios.hh"

namespace polis::sim {

std::vector<Scenario> wire_scenarios();

}  // namespace polis::sim
