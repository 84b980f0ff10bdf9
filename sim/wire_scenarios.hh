#pragma once

// Scenarios of what happens between a client and its replica: on streams, on connections, in names
// and forwarders. scenarios.cc takes them in.

#include <vector>

#include "sim/scenarios.hh"

namespace polis::sim {

std::vector<Scenario> wire_scenarios();

}  // namespace polis::sim
