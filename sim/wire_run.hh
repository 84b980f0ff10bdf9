#pragma once

// A run of the profile `wire`: a cell, its clients, and everything between them that can go wrong
// with connections. sim::run calls it.

#include "sim/run.hh"

namespace polis::sim {

RunResult run_on_the_wire(const RunOptions& options);

}  // namespace polis::sim
