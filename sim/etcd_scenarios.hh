#pragma once

// Scenarios (scenarios.hh) of what went wrong in etcd in ten years; scenarios.cc has their names.
// Each throws a Violation if its fact does not hold.

#include "consensus/lease.hh"

namespace polis::sim {

void single_replica_crash();
void watch_after_partition();
void watches_under_crashes();
void crash_during_compaction();
void delete_at_compacted_revision();
void stale_read_after_pause(consensus::Reads reads);
void crash_under_load();
void no_future_progress();

}  // namespace polis::sim
