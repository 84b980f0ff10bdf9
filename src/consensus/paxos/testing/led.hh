#pragma once

// What most tests of Paxos begin with.

#include <gtest/gtest.h>

#include "consensus/paxos/testing/kind.hh"

namespace polis::paxos::testing {

// A cluster in which replica 1 is master and everyone knows.
inline Cluster led(Cluster::Settings settings = {}) {
  Cluster cluster(settings);
  cluster.campaign(1);
  cluster.settle();
  EXPECT_EQ(cluster.leader(), 1u);
  return cluster;
}

// Messages of this kind that are under way.
inline int count(const Cluster& cluster, MessageType type) {
  int n = 0;
  for (const Message& m : cluster.network()) n += m.type == type;
  return n;
}

// Everything that is under way to these.
inline void lose(Cluster& cluster, std::initializer_list<std::uint64_t> to) {
  for (std::uint64_t id : to)
    std::erase_if(cluster.network(), [&](const Message& m) { return m.to == ReplicaId(id); });
}

// What a replica holds there.
inline std::string at(Cluster& cluster, std::uint64_t id, std::uint64_t slot) {
  const Entry* held = cluster.core(id).slots().find(LogIndex(slot));
  return held == nullptr ? "-" : consensus::testing::text_of(*held);
}

}  // namespace polis::paxos::testing
