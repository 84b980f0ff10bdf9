// Changes of who takes part: joint configurations (Raft thesis 4.3) as values of the log.
//
// A configuration is proposed only when everything before it is chosen, and is durable and known at
// a quorum of its own voters. It counts at a replica from when the replica holds it, chosen or not.
// A joint configuration counts in addition to what counted before, with both of its sets; one that
// is not joint counts alone. Phase 1 finds whatever was accepted, so every later proposer comes to
// hold the configuration, too. docs/decisions/paxos-membership.md has the proof.

#include "consensus/membership.hh"

#include <algorithm>

#include "base/check.hh"
#include "consensus/paxos/paxos.hh"

namespace polis::paxos {
namespace {

Configuration decoded(const Entry& entry) {
  Configuration configuration;
  Reader in(*entry.data);
  CHECK(decode(in, configuration));
  return configuration;
}

}  // namespace

void Paxos::note_configuration(const Entry& entry) {
  if (entry.kind == consensus::EntryKind::kConfiguration) {
    configurations_held_[entry.index] = decoded(entry);
    recount_voting();
  } else if (configurations_held_.erase(entry.index) > 0) {
    recount_voting();
  }
}

void Paxos::recount_voting() {
  auto held = configurations_held_;
  for (const auto& [slot, entry] : found_) {
    const Entry* own = slots_.find(slot);
    if (slot <= commit_ || (own != nullptr && ballot_of(*own) >= ballot_of(entry))) continue;
    held.erase(slot);
    if (entry.kind == consensus::EntryKind::kConfiguration) held[slot] = decoded(entry);
  }
  std::vector<Configuration> voting{configuration_};
  for (auto& [slot, configuration] : held) {
    if (!configuration.joint()) voting.clear();
    voting.push_back(std::move(configuration));
  }
  if (voting == voting_) return;
  voting_ = std::move(voting);
  configuration_changed_ = true;
  // What another quorum answered says nothing about this one (lease.hh).
  if (is_master()) rounds_.give_up_lease();
}

void Paxos::enter_configuration(LogIndex slot) {
  if (const Entry* entry = slots_.find(slot)) configuration_ = decoded(*entry);
  configuration_slot_ = slot;
  configuration_changed_ = true;
  configurations_held_.erase(slot);
  recount_voting();
  if (role_ == Role::kFollower || role_ == Role::kLearner)
    role_ = may_lead() ? Role::kFollower : Role::kLearner;
  if (!is_master()) return;
  const auto everyone = configuration_.everyone();
  for (ReplicaId id : everyone) {
    if (id != options_.id && !peers_.contains(id))
      peers_[id] = {.next = commit_.next(), .heard = now_};
  }
  for (auto& [id, peer] : peers_) {
    const bool stays = std::binary_search(everyone.begin(), everyone.end(), id);
    // Whoever leaves is still told that it does.
    peer.leaves_at = stays ? Instant::max() : now_ + 2 * options_.election_timeout_max;
  }
}

Verdict Paxos::vote(Phase phase, const std::function<int(ReplicaId)>& answer) const {
  Verdict all = Verdict::kWon;
  for (const Configuration& configuration : voting_) {
    const Verdict one = consensus::quorum_vote(configuration, phase, answer);
    if (one == Verdict::kLost) return one;
    if (one == Verdict::kPending) all = one;
  }
  return all;
}

std::uint64_t Paxos::reached(const std::function<std::uint64_t(ReplicaId)>& by) const {
  std::uint64_t all = UINT64_MAX;
  for (const Configuration& configuration : voting_)
    all = std::min(all, consensus::quorum_reached(configuration, Phase::kCommit, by));
  return all;
}

// Some of these voters may be in no configuration that is known to be chosen.
std::set<ReplicaId> Paxos::other_voters() const {
  std::set<ReplicaId> all;
  for (const Configuration& one : voting_) {
    all.insert(one.voters.begin(), one.voters.end());
    all.insert(one.voters_outgoing.begin(), one.voters_outgoing.end());
  }
  all.erase(options_.id);
  return all;
}

// The transport must reach every replica that may be asked for a vote.
Configuration Paxos::reachable() const {
  Configuration all = configuration_;
  for (const Configuration& one : voting_) {
    for (const consensus::Member& member : one.members) {
      if (all.find(member.id) == nullptr) all.put(member);
    }
  }
  return all;
}

bool Paxos::is_voting(ReplicaId id) const {
  return std::any_of(voting_.begin(), voting_.end(),
                     [id](const Configuration& one) { return one.is_voter(id); });
}

bool Paxos::may_lead() const { return is_voting(options_.id); }

bool Paxos::change_is_under_way() const {
  return configuration_waiting_ || !configurations_held_.empty() ||
         (is_master() && (commit_ < barrier_ || !waiting_.empty()));
}

Result<LogIndex> Paxos::change(Configuration target, Instant now) {
  now_ = now;
  if (!is_master()) return fail(ErrorCode::kUnavailable, "this replica is not the master");
  if (transfer_target_ != consensus::kNoReplica)
    return fail(ErrorCode::kUnavailable, "mastership is being handed over");
  if (configuration_.joint() || change_is_under_way())
    return fail(ErrorCode::kUnavailable, "another change of the members is under way");
  CHECK(!target.joint());
  if (auto allowed = may_change_to(target); !allowed) return std::unexpected(allowed.error());
  configuration_waiting_ = consensus::joint(configuration_, std::move(target));
  const LogIndex slot = opened_.next();  // whatever else is proposed comes behind it
  open_waiting();
  return slot;
}

Result<void> Paxos::may_change_to(const Configuration& target) const {
  return consensus::may_change(
      configuration_, target, commit_, [this](ReplicaId id) -> consensus::Standing {
        if (id == options_.id) return {.answers = true, .caught_up = true, .log_end = commit_};
        auto peer = peers_.find(id);
        if (peer == peers_.end()) return {};
        return {.answers = now_ - peer->second.heard <
                           consensus::kHeartbeatsFresh * options_.heartbeat_interval,
                .caught_up = peer->second.caught_up,
                .log_end = peer->second.learned};
      });
}

void Paxos::maybe_open_configuration() {
  if (!configuration_waiting_ || commit_ != opened_) return;
  Configuration own = *configuration_waiting_;
  own.voters_outgoing.clear();
  const Verdict known = consensus::quorum_vote(own, Phase::kCommit, [this](ReplicaId id) {
    if (id == options_.id) return ready_ >= commit_ ? 1 : 0;
    auto peer = peers_.find(id);
    return peer != peers_.end() && peer->second.learned >= commit_ ? 1 : 0;
  });
  if (known != Verdict::kWon) {
    // The answers to the next round tell what the voters have learned.
    if (std::exchange(drained_, commit_) != commit_) broadcast_heartbeat();
    return;
  }
  std::string bytes;
  Writer out(bytes);
  encode(out, *configuration_waiting_);
  configuration_waiting_.reset();
  open({{}, opened_.next(), consensus::EntryKind::kConfiguration, share(std::move(bytes))});
  // Voters that count from now on have promised nothing yet.
  if (!has_promises()) ask_for_promises();
}

void Paxos::maybe_finish_change() {
  if (configuration_.joint() && !change_is_under_way())
    configuration_waiting_ = consensus::settled(configuration_);
}

// Raft thesis 4.2.2: a master that has been removed goes when its removal is chosen; here when the
// removal has been applied, so that the client that asked for it gets an answer. A master that is a
// voter in a configuration that is not chosen yet stays, and gets that one chosen.
void Paxos::maybe_leave() {
  if (configuration_.is_voter(options_.id) || may_lead() || configuration_slot_ > handed_out_)
    return;
  ReplicaId best;
  LogIndex furthest;
  for (ReplicaId id : configuration_.voters) {
    if (peers_.at(id).learned < furthest) continue;
    furthest = peers_.at(id).learned;
    best = id;
  }
  rounds_.give_up_lease();
  send({.type = MessageType::kStand, .to = best, .ballot = ballot_, .round = rounds_.newest()});
  become_follower(consensus::kNoReplica);
}

void Paxos::maybe_promote_learner() {
  std::erase_if(peers_, [this](const auto& peer) { return now_ >= peer.second.leaves_at; });
  for (ReplicaId id : configuration_.learners) {
    if (id == options_.id) continue;  // and master: a change that makes it a voter is under way
    const consensus::Member* member = configuration_.find(id);
    if (member == nullptr || !member->promote || !peers_.at(id).caught_up) continue;
    auto target = consensus::with_promoted(configuration_, id);
    // Not now, for example because too few of the others answer: tried again with each heartbeat.
    if (target && change(std::move(*target), now_)) return;
  }
}

}  // namespace polis::paxos
