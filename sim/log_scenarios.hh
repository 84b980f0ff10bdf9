#pragma once

// Scenarios (scenarios.hh) in which the log of a replica is lost. Each throws a Violation if its
// fact does not hold.

#include "sim/cell.hh"

namespace polis::sim {

void a_cell_stops_and_one_log_is_lost(Node::Loss loss);
void a_log_is_lost_behind_a_snapshot();

}  // namespace polis::sim
