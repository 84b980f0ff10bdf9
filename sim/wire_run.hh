#pragma once

// A run of the profile `wire` (Profile::kWire): a cell of real servers (sim/wire_cell.hh) and
// clients with the real client library, on simulated connections that are lost, cut and delayed.
// Faults for a time, then none, and progress must come.
//
// Threads: one. The same options give the same run to the byte.

#include "sim/run.hh"

namespace polis::sim {

// sim::run calls this for Profile::kWire. Used of the options: seed, protocol, replicas, faults,
// trace. RunResult::violation says what was broken; nothing is thrown.
RunResult run_on_the_wire(const RunOptions& options);

}  // namespace polis::sim
