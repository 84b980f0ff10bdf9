#include "consensus/membership.hh"

#include <fmt/format.h>

#include <algorithm>

#include "consensus/quorum.hh"

namespace polis::consensus {
namespace {

bool contains(const std::vector<ReplicaId>& ids, ReplicaId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

void insert(std::vector<ReplicaId>& ids, ReplicaId id) {
  ids.insert(std::lower_bound(ids.begin(), ids.end(), id), id);
}

std::unexpected<Error> no_such_member(ReplicaId id) {
  return fail(ErrorCode::kNotFound, fmt::format("the cell has no member {:x}", id.value));
}

std::unexpected<Error> address_taken(const Member& by) {
  return fail(ErrorCode::kExists,
              fmt::format("{} is the address of member {} already", by.peer, by.name));
}

std::string names(const Configuration& configuration, const std::vector<ReplicaId>& ids) {
  std::string text;
  for (ReplicaId id : ids) {
    if (!text.empty()) text += ", ";
    text += configuration.name_of(id);
  }
  return text;
}

}  // namespace

Result<Configuration> with_learner(const Configuration& from, Member member) {
  Configuration to = from;
  for (const Member& other : from.members) {
    // A member that replaces another may run on the same machine.
    if (other.peer == member.peer && other.id != member.replaces) return address_taken(other);
  }
  if (contains(from.everyone(), member.id)) {
    return fail(ErrorCode::kInvalid, fmt::format("member {} takes part already", member.name));
  }
  if (from.everyone().size() >= kMembersMax) {
    return fail(ErrorCode::kInvalid,
                fmt::format("a cell has at most {} members, learners included", kMembersMax));
  }
  // The cell may have replicas of a release that cannot read places.
  if (!member.place.empty() && !from.names_places()) {
    return fail(ErrorCode::kInvalid,
                "the cell was founded without `places`, so a member cannot have one");
  }
  insert(to.learners, member.id);
  const Member* replaced = from.find(member.replaces);
  if (member.place.empty() && replaced != nullptr) member.place = replaced->place;
  to.put(std::move(member));
  return to;
}

Result<Configuration> with_promoted(const Configuration& from, ReplicaId id) {
  const Member* member = from.find(id);
  if (member == nullptr) return no_such_member(id);
  if (!contains(from.learners, id)) {
    return fail(ErrorCode::kExists, fmt::format("member {} is no learner", member->name));
  }
  Configuration to = from;
  std::erase(to.learners, id);
  insert(to.voters, id);
  Member promoted = *member;
  if (promoted.replaces != kNoReplica) {
    std::erase(to.voters, promoted.replaces);
    to.forget(promoted.replaces);
  }
  promoted.promote = false;
  promoted.replaces = kNoReplica;
  to.put(std::move(promoted));
  if (to.voters.size() > voters_max(to.quorum.kind)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("a cell has at most {} voters; more gain no availability",
                            voters_max(to.quorum.kind)));
  }
  return to;
}

Result<Configuration> without(const Configuration& from, ReplicaId id) {
  if (!contains(from.everyone(), id)) return no_such_member(id);
  Configuration to = from;
  std::erase(to.voters, id);
  std::erase(to.learners, id);
  to.forget(id);
  if (to.voters.empty()) {
    return fail(ErrorCode::kInvalid, fmt::format("member {} is the last voter of the cell; add and "
                                                 "promote another one first",
                                                 from.name_of(id)));
  }
  return to;
}

Result<Configuration> with_known(const Configuration& from, Member member) {
  if (!contains(from.everyone(), member.id)) return no_such_member(member.id);
  for (const Member& other : from.members) {
    if (other.id != member.id && other.peer == member.peer) return address_taken(other);
  }
  Configuration to = from;
  to.put(std::move(member));
  return to;
}

Configuration joint(const Configuration& from, Configuration to) {
  if (to.voters == from.voters) return to;
  to.voters_outgoing = from.voters;
  for (ReplicaId id : to.voters_outgoing) {
    const Member* leaving = from.find(id);
    if (leaving != nullptr && to.find(id) == nullptr) to.put(*leaving);
  }
  return to;
}

Configuration settled(const Configuration& joint) {
  Configuration to = joint;
  to.voters_outgoing.clear();
  const auto everyone = to.everyone();
  std::erase_if(to.members, [&](const Member& member) {
    return !std::binary_search(everyone.begin(), everyone.end(), member.id);
  });
  return to;
}

Result<void> may_change(const Configuration& from, const Configuration& to, LogIndex log_end,
                        const std::function<Standing(ReplicaId)>& standing) {
  for (ReplicaId id : to.voters) {
    if (from.is_voter(id)) continue;
    if (!from.is_learner(id)) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("member {} has to be a learner before it votes", to.name_of(id)));
    }
    const Standing one = standing(id);
    if (!one.caught_up) {
      return fail(
          ErrorCode::kBehind,
          fmt::format("member {} has not caught up: its log ends at entry {}, the master's at {}",
                      to.name_of(id), one.log_end.value, log_end.value));
    }
  }
  if (to.voters == from.voters) return {};
  for (const Configuration& step : {joint(from, to), to}) {
    if (auto safe = check_quorums(step); !safe) return safe;
  }
  return keeps_quorum(from, to, [&](ReplicaId id) { return standing(id).answers; });
}

Result<void> keeps_quorum(const Configuration& from, const Configuration& to,
                          const std::function<bool(ReplicaId)>& answers) {
  if (is_quorum(to, Phase::kElect, answers) && is_quorum(to, Phase::kCommit, answers)) return {};
  std::vector<ReplicaId> silent;
  for (ReplicaId id : from.voters) {
    if (!answers(id)) silent.push_back(id);
  }
  std::vector<ReplicaId> silent_after;
  for (ReplicaId id : to.voters) {
    if (!answers(id)) silent_after.push_back(id);
  }
  return fail(
      ErrorCode::kNoQuorum,
      fmt::format("after this change {} of {} voters would have to answer, and {} does not; "
                  "allowed is to bring back, remove or replace: {}",
                  to.quorum.kind == QuorumKind::kMajority
                      ? fmt::to_string(to.voters.size() / 2 + 1)
                      : "a quorum (" + to_string(to.quorum) + ")",
                  to.voters.size(), names(from, silent_after),
                  names(from, silent.empty() ? silent_after : silent)));
}

}  // namespace polis::consensus
