#pragma once

// What most tests of a protocol begin with. raft/testing/led.hh and paxos/testing/led.hh have it
// for their protocol.

#include <gtest/gtest.h>

#include "consensus/testing/cluster.hh"

namespace polis::consensus::testing {

// A cluster in which node 1 is master, and all others know.
template <class Kind>
Cluster<Kind> led(typename Cluster<Kind>::Settings settings) {
  Cluster<Kind> cluster(settings);
  cluster.campaign(1);
  cluster.settle();
  EXPECT_EQ(cluster.leader(), 1u);
  return cluster;
}

// How many messages of this type are under way.
template <class Kind, class MessageType>
int count(const Cluster<Kind>& cluster, MessageType type) {
  int n = 0;
  for (const auto& m : cluster.network()) n += m.type == type;
  return n;
}

}  // namespace polis::consensus::testing
