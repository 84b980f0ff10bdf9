#pragma once

// Majorities of a configuration; during a joint change a majority of both of its sets (Raft
// thesis 4.3).

#include <functional>

#include "consensus/types.hh"

namespace polis::consensus {

// The largest number that a quorum has reached: the commit index when `reached` gives each voter's
// match index. `reached` is asked for voters only. An empty set of voters agrees to everything.
std::uint64_t quorum_reached(const Configuration& configuration,
                             const std::function<std::uint64_t(ReplicaId)>& reached);

enum class Verdict { kPending, kWon, kLost };

// How a ballot stands: `vote` answers 1 for granted, -1 for refused, 0 for not heard from.
Verdict quorum_vote(const Configuration& configuration, const std::function<int(ReplicaId)>& vote);

}  // namespace polis::consensus
