#pragma once

// Which sets of voters decide. Such a set is called a *quorum*. QuorumRule (types.hh) names the
// rule: a majority; a number of voters for each phase; or a majority of the places and in each of
// these a majority of its voters. In a joint configuration the old and the new voters must both
// have a quorum (Raft thesis 4.3).
//
// What makes a rule safe: every quorum that elects shares a voter with every quorum that commits.
// So a new master hears of everything that may have been committed. check_quorums() tries all sets.
//
// Source: "Flexible Paxos" (Howard, Malkhi, Spiegelman 2016), theorem 1; "Paxos Made Simple" 2.2,
// P2c.
//
// Threads: pure functions, from any thread.

#include <functional>

#include "base/error.hh"
#include "consensus/types.hh"

namespace polis::consensus {

enum class Phase : std::uint8_t {
  kElect,  // phase 1: votes and promises
  // Phase 2: entries. Also rounds (read_rounds.hh): a later election must meet a replica that has
  // answered the round.
  kCommit,
};

// Whether the voters for which `in` gives true are a quorum. A configuration without voters agrees
// to everything.
bool is_quorum(const Configuration& configuration, Phase phase,
               const std::function<bool(ReplicaId)>& in);

// The largest number that every voter of some quorum has reached. When `reached` gives the index
// through which a voter holds the log durably, the result is the commit index. `reached` is asked
// for voters only; without voters the result is the largest number there is.
std::uint64_t quorum_reached(const Configuration& configuration, Phase phase,
                             const std::function<std::uint64_t(ReplicaId)>& reached);

enum class Verdict { kPending, kWon, kLost };

// How an election stands. `vote` gives 1 for a voter that has granted, -1 for one that has refused,
// 0 for one that has not answered. kWon: the voters that have granted are a quorum. kLost: they
// cannot become one any more.
Verdict quorum_vote(const Configuration& configuration, Phase phase,
                    const std::function<int(ReplicaId)>& vote);

// Whether the rule is safe for these voters. kInvalid: names two quorums that share no voter, or
// says why the rule cannot be used.
Result<void> check_quorums(const Configuration& configuration);

// "majority", "flexible:ELECT,COMMIT" or "places". kInvalid: the text lists these.
Result<QuorumRule> parse_quorum(std::string_view text);
std::string to_string(const QuorumRule& rule);

}  // namespace polis::consensus
