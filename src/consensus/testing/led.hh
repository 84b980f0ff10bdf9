#pragma once

// Where most tests of a protocol begin: a cluster that has a master. raft/testing/led.hh and
// paxos/testing/led.hh wrap this for their protocol.
//
// `Kind` says which protocol it is (cluster.hh). Cluster::leader() is the master.
//
// Threads: one.

#include <gtest/gtest.h>

#include "consensus/testing/cluster.hh"

namespace polis::consensus::testing {

// A cluster in which node 1 has been elected master and all other nodes know it. All messages have
// been delivered. If node 1 is not master, the test fails (EXPECT) and the cluster is returned all
// the same.
template <class Kind>
Cluster<Kind> led(typename Cluster<Kind>::Settings settings) {
  Cluster<Kind> cluster(settings);
  cluster.campaign(1);
  cluster.settle();
  EXPECT_EQ(cluster.leader(), 1u);
  return cluster;
}

// How many messages of this type have been sent and neither delivered nor lost.
template <class Kind, class MessageType>
int count(const Cluster<Kind>& cluster, MessageType type) {
  int n = 0;
  for (const auto& m : cluster.network()) n += m.type == type;
  return n;
}

}  // namespace polis::consensus::testing
