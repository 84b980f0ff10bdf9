#include "consensus/paxos/paxos.hh"

#include <algorithm>

#include "base/check.hh"

namespace polis::paxos {

Paxos::Paxos(Options options, consensus::Restored restored, Instant now)
    : options_(std::move(options)),
      clock_(options_, restored.hard_state.promise_longest, now),
      now_(now),
      promised_{restored.hard_state.term, restored.hard_state.vote},
      slots_(restored.mark.index),
      commit_(restored.applied),
      ready_(restored.applied),
      handed_out_(restored.applied),
      told_(restored.applied),
      configuration_(std::move(restored.mark.configuration)),
      configuration_slot_(restored.applied),
      rounds_(options_.lease) {
  CHECK(options_.validate().has_value());
  CHECK(restored.applied >= restored.mark.index);
  for (Entry& entry : restored.entries) {
    // A replica that accepted under a ballot had promised it.
    promised_ = std::max(promised_, ballot_of(entry));
    if (entry.index > restored.applied) {
      open_bytes_ += entry.size();
      note_configuration(entry);
    }
    slots_.put(std::move(entry), Ticket());
  }
  recount_voting();
  // The values through the old commit index were held when it was written, and what was accepted in
  // those slots since is the same.
  while (commit_ < restored.hard_state.commit && slots_.holds(commit_.next())) choose_next();
  told_ = commit_;
  advance_ready();
  announced_ = {Role::kFollower, promised_.term, consensus::kNoReplica};
  role_ = may_lead() ? Role::kFollower : Role::kLearner;
  // A replica that is the only voter waits for nobody.
  if (configuration_.voters == std::vector{options_.id} && !configuration_.joint())
    clock_.stand_at_once(now);
}

void Paxos::step(Message message, Instant now) {
  now_ = now;
  if (message.to != options_.id || message.from == options_.id) return;
  seen_ = std::max(seen_, message.ballot.term);
  switch (message.type) {
    case MessageType::kPoll:
      return on_poll(message);
    case MessageType::kPollReply:
      return on_poll_reply(message);
    case MessageType::kPrepare:
      return on_prepare(message);
    case MessageType::kPromise:
      return on_promise(message);
    case MessageType::kAccept:
      return on_accept(message);
    case MessageType::kAccepted:
      return on_accepted(message);
    case MessageType::kHeartbeat:
    case MessageType::kCommit:
      return on_heartbeat(message);
    case MessageType::kHeartbeatReply:
      return on_heartbeat_reply(message);
    case MessageType::kReject:
      return on_reject(message);
    case MessageType::kLearn:
      return on_learn(message);
    case MessageType::kChosen:
      return on_chosen(std::move(message));
    case MessageType::kSnapshotAsk:
      return on_snapshot_ask(message);
    case MessageType::kSnapshotChunk:
      return on_snapshot_chunk(std::move(message));
    case MessageType::kReadIndex:
      return on_read_index(message);
    case MessageType::kReadIndexReply:
      return on_read_index_reply(message);
    case MessageType::kStand:
      return on_stand(message);
  }
}

void Paxos::tick(Instant now) {
  now_ = now;
  if (now_ >= ask_at_) ask_now();
  if (is_master()) {
    if (now_ >= quorum_check_due_) maybe_step_down_without_quorum();
    if (!is_master()) return;
    if (transfer_target_ != consensus::kNoReplica && now_ >= transfer_deadline_)
      transfer_target_ = consensus::kNoReplica;
    for (auto& [id, peer] : peers_) send_lost(id, peer);
    if (now_ < heartbeat_due_) return;
    heartbeat_due_ = now_ + options_.heartbeat_interval;
    for (auto& [id, peer] : peers_) {
      peer.caught_up = peer.learned >= peer.commit_at_heartbeat;
      peer.commit_at_heartbeat = commit_;
    }
    maybe_promote_learner();
    if (!has_promises()) ask_for_promises();
    broadcast_heartbeat();
    return;
  }
  if (clock_.due(now_)) {
    may_lead() ? stand(options_.pre_vote) : clock_.restart(now_);
  } else if (is_candidate() && now_ >= promises_due_) {
    ask_for_promises();
  }
}

Instant Paxos::next_deadline() const {
  Instant own = is_master()      ? std::min({heartbeat_due_, quorum_check_due_, first_answer_due()})
                : is_candidate() ? std::min(promises_due_, clock_.deadline())
                                 : clock_.deadline();
  return std::min(own, ask_at_);
}

void Paxos::send(Message message) {
  message.from = options_.id;
  output_.messages.push_back(std::move(message));
}

void Paxos::send_after_persist(Message message) {
  message.from = options_.id;
  output_.messages_after_persist.push_back(std::move(message));
}

void Paxos::become_follower(ReplicaId master) {
  const bool was_master = is_master();
  role_ = may_lead() ? Role::kFollower : Role::kLearner;
  master_ = master;
  polls_.clear();
  promises_.clear();
  found_.clear();
  hand_over_.reset();
  if (was_master) {
    for (const auto& asked : rounds_.end()) refuse_read(asked.id, asked.origin);
    peers_.clear();
    waiting_.clear();
    configuration_waiting_.reset();
    transfer_target_ = consensus::kNoReplica;
    clock_.forget(now_);
  }
  if (was_master || master != consensus::kNoReplica) clock_.restart(now_);
}

bool Paxos::is_durable(LogIndex slot) const {
  return slots_.holds(slot) && slots_.ticket(slot) <= durable_ticket_;
}

bool Paxos::promise_is_durable() const {
  return !hard_state_changed_ && hard_state_ticket_ <= durable_ticket_;
}

void Paxos::advance_ready() {
  while (ready_ < commit_ && is_durable(ready_.next())) ready_ = ready_.next();
}

void Paxos::on_persisted(Ticket ticket, Instant now) {
  now_ = now;
  durable_ticket_ = std::max(durable_ticket_, ticket);
  maybe_count_own_promise();
  if (is_master()) maybe_commit();
  advance_ready();
}

void Paxos::compact(LogIndex index) {
  CHECK(index <= handed_out_);
  slots_.forget_through(index);
}

Output Paxos::take_output() {
  if (is_master()) {
    maybe_finish_change();
    open_waiting();
    flush_waiting_reads();
    for (auto& [id, peer] : peers_) {
      feed(id, peer);
      send_commit(id, peer);
    }
    maybe_leave();
  }
  if (handed_out_ < ready_) {
    output_.committed = slots_.run(handed_out_.next(), ready_, options_.committed_bytes_max);
    handed_out_ = output_.committed.back().index;
  }
  std::sort(unsaved_.begin(), unsaved_.end());
  unsaved_.erase(std::unique(unsaved_.begin(), unsaved_.end()), unsaved_.end());
  for (LogIndex slot : unsaved_) {
    if (slots_.holds(slot)) output_.entries.push_back(slots_.at(slot));
  }
  // A commit index alone is not worth a write: it is a hint that is written with the next record.
  if (hard_state_changed_ || !unsaved_.empty()) {
    output_.hard_state =
        HardState{promised_.term, promised_.replica, commit_, clock_.promise().longest()};
    if (std::exchange(hard_state_changed_, false)) hard_state_ticket_ = next_ticket_;
    output_.ticket = next_ticket_;
    next_ticket_ = next_ticket_.next();
    unsaved_.clear();
  }
  RoleState role{role_, is_master() || is_candidate() ? ballot_.term : promised_.term, master_};
  if (role != announced_) {
    announced_ = role;
    output_.role = role;
  }
  if (std::exchange(configuration_changed_, false)) output_.configuration = reachable();
  return std::exchange(output_, {});
}

consensus::Status Paxos::status() const {
  consensus::Status status{
      .role = {role_, is_master() || is_candidate() ? ballot_.term : promised_.term, master_},
      .commit = commit_,
      .last = std::max(slots_.last(), is_master() ? opened_ + waiting_.size() : commit_),
      .first = slots_.first(),
      .persisted = ready_,
      .log_bytes = slots_.bytes(),
      .configuration = configuration_,
      .configuration_settled = !configuration_.joint() && !change_is_under_way(),
      .lease_until = is_master() ? rounds_.lease_until() : Instant(),
      .peers = {}};
  for (const auto& [id, peer] : peers_) {
    if (peer.leaves_at != Instant::max()) continue;
    status.peers.push_back({id, peer.learned, peer.heard,
                            peer.asked_snapshot != Instant() &&
                                now_ - peer.asked_snapshot < 2 * options_.election_timeout_max});
  }
  return status;
}

}  // namespace polis::paxos
