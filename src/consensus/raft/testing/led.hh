#pragma once

// What most tests of Raft begin with; see consensus/testing/led.hh.

#include "consensus/raft/testing/kind.hh"
#include "consensus/testing/led.hh"

namespace polis::raft::testing {

using consensus::testing::count;

inline Cluster led(Cluster::Settings settings = {}) {
  return consensus::testing::led<Kind>(std::move(settings));
}

// The same, and node 1 holds the master lease.
inline Cluster led_by_lease() {
  Cluster cluster = led({.reads = consensus::Reads::kLease});
  cluster.advance(std::chrono::milliseconds(50));  // a heartbeat, which a quorum answers
  cluster.settle();
  return cluster;
}

}  // namespace polis::raft::testing
