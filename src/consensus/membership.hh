#pragma once

// Changes of who takes part, as functions from one configuration to the next. Nothing here decides
// when: raft/ and paxos/ carry a change out (joint consensus), cell/ says what is wanted.
//
// Source: Raft thesis 4 (learners 4.2.1, joint consensus 4.3).

#include <functional>

#include "base/error.hh"
#include "consensus/types.hh"

namespace polis::consensus {

// With `member` as a learner. kInvalid: its id or address is taken, or there are too many members.
Result<Configuration> with_learner(const Configuration& from, Member member);
// With the learner as a voter, in the place of the voter that it replaces, if it does.
// kNotFound: there is no such member. kInvalid: it is no learner, or there are too many voters.
Result<Configuration> with_promoted(const Configuration& from, ReplicaId id);
// Without the member. kNotFound: there is none. kInvalid: it is the last voter.
Result<Configuration> without(const Configuration& from, ReplicaId id);
// With what is known of a member replaced. kNotFound: there is none. kInvalid: the address is
// taken.
Result<Configuration> with_known(const Configuration& from, Member member);

// The first step to `to`: joint, if other voters decide then.
Configuration joint(const Configuration& from, Configuration to);
// The last step: what a joint one leads to.
Configuration settled(const Configuration& joint);

// Who has not been heard for so many heartbeats is not counted on in a new quorum: once a joint
// change has begun there is no way back without it.
inline constexpr int kHeartbeatsFresh = 3;

// How a member stands, as the master sees it.
struct Standing {
  bool answers = false;    // it was heard a moment ago
  bool caught_up = false;  // and follows the log
  LogIndex log_end;
};

// Whether the voters of `to` can take over. kInvalid: never, so. kUnavailable: not now; says why.
// `log_end`: of the master.
Result<void> may_change(const Configuration& from, const Configuration& to, LogIndex log_end,
                        const std::function<Standing(ReplicaId)>& standing);

// Whether a quorum of `to` answers; kUnavailable names who does not, and what would be allowed.
// `answers` is asked for the voters of `to`.
Result<void> keeps_quorum(const Configuration& from, const Configuration& to,
                          const std::function<bool(ReplicaId)>& answers);

}  // namespace polis::consensus
