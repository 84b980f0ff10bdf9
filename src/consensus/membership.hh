#pragma once

// Changes of members, as functions from one configuration to the next. This file does not decide
// when a change happens: cell/ says what is wanted, raft/ and paxos/ carry it out.
//
// A member begins as a learner, which has no vote. When it has caught up it is promoted to a voter.
// A change of voters takes two steps: a joint configuration, in which the old and the new voters
// must both agree, and then the target alone.
//
// Source: Raft thesis 4 (learners 4.2.1, joint consensus 4.3).
//
// Threads: pure functions, from any thread.

#include <functional>

#include "base/error.hh"
#include "consensus/types.hh"

namespace polis::consensus {

// `from` with `member` as one more learner. kExists: its peer address is taken. kInvalid: its id is
// taken, there are too many members, or it has a place in a cell that was founded without places.
Result<Configuration> with_learner(const Configuration& from, Member member);
// `from` with this learner as a voter. If the learner replaces a voter (Member::replaces), that
// voter is taken out. kNotFound: there is no such member. kExists: it is no learner. kInvalid:
// there would be too many voters.
Result<Configuration> with_promoted(const Configuration& from, ReplicaId id);
// `from` without the member. kNotFound: there is no such member. kInvalid: it is the last voter.
Result<Configuration> without(const Configuration& from, ReplicaId id);
// `from` with `member` in place of what was known of the member of that id. kNotFound: there is no
// such member. kExists: another member has its peer address.
Result<Configuration> with_known(const Configuration& from, Member member);

// The first step from `from` to `to`: a joint configuration if the voters differ, else `to` itself.
Configuration joint(const Configuration& from, Configuration to);
// The last step: the target of a joint configuration, without the members that have left.
Configuration settled(const Configuration& joint);

// A member that was not heard for this many heartbeat intervals does not *answer*. A new quorum
// must not depend on such a member, because a joint change that has begun can neither end nor be
// undone without the new quorum.
inline constexpr int kHeartbeatsFresh = 3;

// How a member stands, as the master sees it.
struct Standing {
  bool answers = false;    // it was heard within kHeartbeatsFresh heartbeat intervals
  bool caught_up = false;  // it keeps up with the log
  LogIndex log_end;        // the end of its log, as far as the master knows
};

// Whether the master may begin a change from `from` to `to`. kInvalid: this change is never allowed
// (a new voter is no learner, or the quorums of a step would not meet). kBehind: a new voter has
// not caught up. kNoQuorum: as keeps_quorum. `log_end`: the end of the master's log, for the text.
// `standing` is asked for voters of `from` and of `to`.
Result<void> may_change(const Configuration& from, const Configuration& to, LogIndex log_end,
                        const std::function<Standing(ReplicaId)>& standing);

// Whether the voters of `to` that answer are a quorum, for either phase. kNoQuorum: names the
// voters that do not answer, and what would be allowed instead. `answers` is asked for voters of
// `from` and of `to`.
Result<void> keeps_quorum(const Configuration& from, const Configuration& to,
                          const std::function<bool(ReplicaId)>& answers);

}  // namespace polis::consensus
