#pragma once

// Multi-Paxos for consensus/testing/cluster.hh, with its own safety properties (Simple 2.2, P1 and
// P2).

#include <fmt/format.h>

#include <set>

#include "consensus/paxos/paxos.hh"
#include "consensus/testing/cluster.hh"

namespace polis::paxos::testing {

using consensus::testing::broken;
using consensus::testing::Committed;
using consensus::testing::InvariantBroken;
using consensus::testing::text_of;

// Throws InvariantBroken if a property is broken.
class Checker {
 public:
  // Looks at one node, after each step of any. `committed`: what some node has applied.
  void look(std::uint64_t id, const Paxos& paxos, const Committed& committed) {
    const Slots& slots = paxos.slots();
    for (LogIndex slot = slots.first(); slot <= slots.last(); slot = slot.next()) {
      const Entry* held = slots.find(slot);
      if (held == nullptr) continue;
      // P2a: one ballot proposes one value for a slot.
      auto [known, is_new] = proposed_.emplace(std::pair(slot, ballot_of(*held)), text_of(*held));
      if (known->second != text_of(*held)) {
        broken(fmt::format("one ballot, two values: {} holds another one at slot {} of {}.{}", id,
                           slot.value, held->term.value, held->proposer.value));
      }
    }
    if (paxos.role() == Role::kMaster) look_at_master(id, paxos, committed);
  }

  void compare(const Paxos&, const Paxos&) const {}

 private:
  template <class>
  friend struct consensus::testing::Inspector;

  // P2c: what may have been chosen is what a new master proposes.
  void look_at_master(std::uint64_t id, const Paxos& paxos, const Committed& committed) {
    const Ballot ballot{paxos.status().role.term, ReplicaId(id)};
    if (!masters_.insert(ballot).second) return;
    if (!masters_.empty() && *masters_.rbegin() > ballot) return;  // it is one in name only
    for (auto& [slot, entry] : committed) {
      if (slot <= paxos.commit()) continue;
      const Entry* held = paxos.slots().find(slot);
      if (held == nullptr || text_of(*held) != entry.second)
        broken(fmt::format("{} is master and does not propose what is chosen at slot {}", id,
                           slot.value));
    }
  }

  std::set<Ballot> masters_;
  std::map<std::pair<LogIndex, Ballot>, std::string> proposed_;
};

struct Kind {
  using Core = Paxos;
  using Checker = testing::Checker;
  static constexpr bool kGaps = true;
  static constexpr bool kIdsAreOrdered = true;  // in ballots
  static constexpr const char* kName = "paxos";
  static Term term_at(const Paxos& paxos, LogIndex index) {
    const Entry* held = paxos.slots().find(index);
    return held != nullptr ? held->term : Term();
  }
};

using Cluster = consensus::testing::Cluster<Kind>;

}  // namespace polis::paxos::testing
