#pragma once

// What most tests of Paxos begin with; see consensus/testing/led.hh.

#include "consensus/paxos/testing/kind.hh"
#include "consensus/testing/led.hh"

namespace polis::paxos::testing {

using consensus::testing::count;

inline Cluster led(Cluster::Settings settings = {}) {
  return consensus::testing::led<Kind>(std::move(settings));
}

// Loses all messages that are under way to these nodes.
inline void lose(Cluster& cluster, std::initializer_list<std::uint64_t> to) {
  for (std::uint64_t id : to)
    std::erase_if(cluster.network(), [&](const Message& m) { return m.to == ReplicaId(id); });
}

// The value that node `id` holds in this slot, as text; "-" if it holds none.
inline std::string at(Cluster& cluster, std::uint64_t id, std::uint64_t slot) {
  const Entry* held = cluster.core(id).slots().find(LogIndex(slot));
  return held == nullptr ? "-" : consensus::testing::text_of(*held);
}

}  // namespace polis::paxos::testing
