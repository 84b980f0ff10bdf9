// Changes of who takes part: joint consensus (Raft thesis 4.3), learners that catch up before they
// vote (4.2.1), a leader that removes itself (4.2.2).

#include "consensus/membership.hh"

#include "base/check.hh"
#include "consensus/raft/raft.hh"

namespace polis::raft {

Result<LogIndex> Raft::change(Configuration target, Instant now) {
  now_ = now;
  if (!is_leader()) return fail(ErrorCode::kUnavailable, "this replica is not the master");
  if (transfer_target_ != consensus::kNoReplica)
    return fail(ErrorCode::kUnavailable, "mastership is being handed over");
  // One change at a time, and none before this term has committed: the leader must know what is
  // committed (Raft thesis 4.1).
  if (configuration_.joint() || configuration_index() > commit_ || !may_serve_reads())
    return fail(ErrorCode::kUnavailable, "another change of the members is under way");
  CHECK(!target.joint());
  if (auto allowed = may_change_to(target); !allowed) return std::unexpected(allowed.error());
  append_configuration(consensus::joint(configuration_, std::move(target)));
  return log_.last_index();
}

Result<void> Raft::may_change_to(const Configuration& target) const {
  return consensus::may_change(
      configuration_, target, log_.last_index(), [this](ReplicaId id) -> consensus::Standing {
        if (id == options_.id)
          return {.answers = true, .caught_up = true, .log_end = log_.last_index()};
        auto found = peers_.find(id);
        if (found == peers_.end()) return {};
        const Progress& progress = found->second;
        return {.answers = now_ - progress.heard <
                           consensus::kHeartbeatsFresh * options_.heartbeat_interval,
                .caught_up = progress.caught_up,
                .log_end = progress.match};
      });
}

void Raft::append_configuration(const Configuration& configuration) {
  std::string bytes;
  Writer out(bytes);
  encode(out, configuration);
  append_own(consensus::EntryKind::kConfiguration, share(std::move(bytes)));
}

// Raft thesis 4.1: a configuration counts from when it is in the log, committed or not, until it is
// truncated or a newer one follows.
void Raft::enter_configuration() {
  configuration_ = configurations_.rbegin()->second;
  configuration_changed_ = true;
  if (role_ == Role::kFollower || role_ == Role::kLearner)
    role_ = may_lead() ? Role::kFollower : Role::kLearner;
  if (!is_leader()) return;
  // What the old quorum answered says nothing about the new one (lease.hh).
  rounds_.give_up_lease();
  for (ReplicaId id : configuration_.everyone()) {
    if (id == options_.id || peers_.contains(id)) continue;
    peers_[id] = {.next = log_.last_index().next(), .heard = now_};
  }
  const auto everyone = configuration_.everyone();
  for (auto& [id, progress] : peers_) {
    const bool stays = std::binary_search(everyone.begin(), everyone.end(), id);
    // Whoever leaves is still told that it does.
    progress.leaves_at = stays ? Instant::max() : now_ + 2 * options_.election_timeout_max;
  }
}

// True for a voter of the newest configuration, or of an older one whose successors are not all
// committed: a replica that is removed may be the only one that holds the entry which removes it
// (Raft thesis 4.2.2).
bool Raft::may_lead() const {
  auto committed = std::prev(configurations_.upper_bound(commit_));
  return std::any_of(committed, configurations_.end(),
                     [this](const auto& known) { return known.second.is_voter(options_.id); });
}

void Raft::maybe_finish_change() {
  if (!configuration_.joint() || configuration_index() > commit_) return;
  append_configuration(consensus::settled(configuration_));
}

// Raft thesis 4.2.2: a leader that has been removed goes when its removal is committed; here when
// the removal has been applied, so that the client that asked for it gets an answer.
void Raft::maybe_leave() {
  if (configuration_.is_voter(options_.id) || configuration_index() > handed_out_) return;
  ReplicaId best;
  LogIndex furthest;
  for (ReplicaId id : configuration_.voters) {
    if (peers_.at(id).match < furthest) continue;
    furthest = peers_.at(id).match;
    best = id;
  }
  rounds_.give_up_lease();
  send({.type = MessageType::kTimeoutNow, .to = best, .round = rounds_.newest()});
  become_follower(term_, consensus::kNoReplica);
}

void Raft::maybe_promote_learner() {
  std::erase_if(peers_, [this](const auto& peer) { return now_ >= peer.second.leaves_at; });
  for (ReplicaId id : configuration_.learners) {
    const consensus::Member* member = configuration_.find(id);
    if (member == nullptr || !member->promote || !peers_.at(id).caught_up) continue;
    auto target = consensus::with_promoted(configuration_, id);
    // Not now, for example because too few of the others answer: tried again with each heartbeat.
    if (target && change(std::move(*target), now_)) return;
  }
}

}  // namespace polis::raft
