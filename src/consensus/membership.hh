#pragma once

// Changes of who takes part, as functions from one configuration to the next. Nothing here decides
// when: raft/ carries a change out (joint consensus), cell/ says what is wanted.
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

// Whether a quorum of `to` answers; kUnavailable names who does not, and what would be allowed.
// `answers` is asked for the voters of `to`.
Result<void> keeps_quorum(const Configuration& from, const Configuration& to,
                          const std::function<bool(ReplicaId)>& answers);

}  // namespace polis::consensus
