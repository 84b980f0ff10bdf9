#pragma once

// Which sets of voters decide: a majority, so many for each phase, or majorities of places and in
// each. During a joint change both sets of voters have to agree (Raft thesis 4.3).
//
// What is asked of them alone: whoever is elected meets somebody of every set that may have
// committed something. Source: "Flexible Paxos" (Howard, Malkhi, Spiegelman 2016), theorem 1;
// "Paxos Made Simple" 2.2, P2c.
//
// Threads: pure functions.

#include <functional>

#include "base/error.hh"
#include "consensus/types.hh"

namespace polis::consensus {

enum class Phase : std::uint8_t {
  kElect,   // phase 1: votes, promises
  kCommit,  // phase 2: what is chosen; rounds, since who elects must meet who confirmed
};

// Whether those for whom `in` holds are a quorum. An empty set of voters agrees to everything.
bool is_quorum(const Configuration& configuration, Phase phase,
               const std::function<bool(ReplicaId)>& in);

// The largest number that a quorum has reached: the commit index when `reached` gives each voter's
// match index. `reached` is asked for voters only.
std::uint64_t quorum_reached(const Configuration& configuration, Phase phase,
                             const std::function<std::uint64_t(ReplicaId)>& reached);

enum class Verdict { kPending, kWon, kLost };

// How a ballot stands: `vote` answers 1 for granted, -1 for refused, 0 for not heard from.
Verdict quorum_vote(const Configuration& configuration, Phase phase,
                    const std::function<int(ReplicaId)>& vote);

// kInvalid: two quorums that do not meet, by name, or a rule that cannot be.
Result<void> check_quorums(const Configuration& configuration);

// "majority", "flexible:ELECT,COMMIT" or "places". kInvalid: says what is known.
Result<QuorumRule> parse_quorum(std::string_view text);
std::string to_string(const QuorumRule& rule);

}  // namespace polis::consensus
