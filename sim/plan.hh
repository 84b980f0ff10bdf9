#pragma once

// The plan of one run: what the cell, its clients and the faults are. It is drawn from the seed.

#include <optional>

#include "sim/cell.hh"
#include "sim/lease_workload.hh"
#include "sim/run.hh"
#include "sim/workload.hh"

namespace polis::sim {

struct Plan {
  CellConfig cell;
  WorkloadConfig workload;
  std::optional<LeaseWorkloadConfig> leases;
  // How often each kind of fault happens, per second of virtual time.
  double crashes = 0, partitions = 0, pauses = 0, outages = 0, false_losses = 0, changes = 0,
         hand_overs = 0, damages = 0, failing_syncs = 0;
  bool masters_cut_off = false;  // each master is cut off for a second, again and again
};

// Draws a plan. Swarm testing (Groce et al. 2012): each run leaves out some faults, so that the
// others go deeper.
Plan draw(Random& random, const RunOptions& options);

}  // namespace polis::sim
