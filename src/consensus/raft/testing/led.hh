#pragma once

// What most tests of Raft begin with.

#include <gtest/gtest.h>

#include "consensus/raft/testing/kind.hh"

namespace polis::raft::testing {

// A cluster in which replica 1 leads and everyone knows.
inline Cluster led(Cluster::Settings settings = {}) {
  Cluster cluster(settings);
  cluster.campaign(1);
  cluster.settle();
  EXPECT_EQ(cluster.leader(), 1u);
  return cluster;
}

// And has the lease.
inline Cluster led_by_lease() {
  Cluster cluster = led({.reads = consensus::Reads::kLease});
  cluster.advance(std::chrono::milliseconds(50));  // a heartbeat, which a quorum answers
  cluster.settle();
  return cluster;
}

// Messages of this kind that are under way.
inline int count(const Cluster& cluster, MessageType type) {
  int n = 0;
  for (const Message& m : cluster.network()) n += m.type == type;
  return n;
}

}  // namespace polis::raft::testing
