#pragma once

// What most tests of a protocol begin with.

#include <gtest/gtest.h>

#include "consensus/testing/cluster.hh"

namespace polis::consensus::testing {

// A cluster in which replica 1 is master and everyone knows.
template <class Kind>
Cluster<Kind> led(typename Cluster<Kind>::Settings settings) {
  Cluster<Kind> cluster(settings);
  cluster.campaign(1);
  cluster.settle();
  EXPECT_EQ(cluster.leader(), 1u);
  return cluster;
}

// Messages of this kind that are under way.
template <class Kind, class MessageType>
int count(const Cluster<Kind>& cluster, MessageType type) {
  int n = 0;
  for (const auto& m : cluster.network()) n += m.type == type;
  return n;
}

}  // namespace polis::consensus::testing
