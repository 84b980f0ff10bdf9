#pragma once

// Scenarios about a log that does not come back. Each throws a Violation.

#include "sim/cell.hh"

namespace polis::sim {

void a_cell_stops_and_one_log_is_lost(Node::Loss loss);
void a_log_is_lost_behind_a_snapshot();

}  // namespace polis::sim
