#include "consensus/raft/raft.hh"

#include <fmt/format.h>

#include "base/check.hh"

namespace polis::raft {

Raft::Raft(Options options, consensus::Restored restored, Instant now)
    : options_(std::move(options)),
      now_(now),
      term_(restored.hard_state.term),
      vote_(restored.hard_state.vote),
      log_(restored.mark),
      commit_(restored.mark.index),
      configurations_{{restored.mark.index, restored.mark.configuration}},
      configuration_(restored.mark.configuration),
      clock_(options_, restored.hard_state.promise_longest, now),
      rounds_(options_.lease) {
  CHECK(options_.validate().has_value());
  for (Entry& entry : restored.entries) append_entry(std::move(entry));
  persisted_ = log_.last_index();
  output_from_ = log_.last_index().next();
  CHECK(restored.applied >= restored.mark.index && restored.applied <= log_.last_index());
  commit_ = std::max(restored.applied, std::min(restored.hard_state.commit, log_.last_index()));
  handed_out_ = restored.applied;
  if (log_.last_term() > term_) term_ = log_.last_term();
  announced_ = {Role::kFollower, term_, consensus::kNoReplica};
  role_ = may_lead() ? Role::kFollower : Role::kLearner;
  // A replica that is the only voter waits for nobody.
  if (configuration_.voters == std::vector{options_.id} && configuration_.voters_outgoing.empty()) {
    clock_.stand_at_once(now);
  }
}

void Raft::step(Message message, Instant now) {
  now_ = now;
  if (message.to != options_.id || message.from == options_.id) return;
  if (!adopt_term(message)) return;
  switch (message.type) {
    case MessageType::kPreVote:
    case MessageType::kVote:
      return on_vote_request(message);
    case MessageType::kPreVoteReply:
    case MessageType::kVoteReply:
      return on_vote_reply(message);
    case MessageType::kAppend:
      return on_append(message);
    case MessageType::kAppendReply:
      return on_append_reply(message);
    case MessageType::kHeartbeat:
    case MessageType::kCommit:
      return on_heartbeat(message);
    case MessageType::kHeartbeatReply:
      return on_heartbeat_reply(message);
    case MessageType::kSnapshotChunk:
      return on_snapshot_chunk(std::move(message));
    case MessageType::kSnapshotReply:
      return on_snapshot_reply(message);
    case MessageType::kReadIndex:
      return on_read_index(message);
    case MessageType::kReadIndexReply:
      return on_read_index_reply(message);
    case MessageType::kTimeoutNow:
      return on_timeout_now(message);
  }
}

bool Raft::adopt_term(const Message& message) {
  const bool vote_request =
      message.type == MessageType::kVote || message.type == MessageType::kPreVote;
  if (message.term > term_) {
    if (vote_request && !may_help_elect(message)) return false;
    if (message.type == MessageType::kPreVote) return true;
    if (message.type == MessageType::kPreVoteReply && !message.reject) return true;
    const bool from_leader =
        message.type == MessageType::kAppend || message.type == MessageType::kHeartbeat ||
        message.type == MessageType::kCommit || message.type == MessageType::kSnapshotChunk;
    become_follower(message.term, from_leader ? message.from : consensus::kNoReplica);
    return true;
  }
  if (message.term < term_) {
    // A deposed leader, or a replica that was cut off, learns the new term from the answer.
    if (message.type == MessageType::kAppend || message.type == MessageType::kHeartbeat ||
        message.type == MessageType::kSnapshotChunk) {
      send_after_persist({.type = MessageType::kHeartbeatReply, .to = message.from});
    } else if (message.type == MessageType::kPreVote) {
      send_after_persist({.type = MessageType::kPreVoteReply, .to = message.from, .reject = true});
    }
    return false;
  }
  return true;
}

void Raft::tick(Instant now) {
  now_ = now;
  if (is_leader()) {
    if (now_ >= quorum_check_due_) maybe_step_down_without_quorum();
    if (!is_leader()) return;
    if (transfer_target_ != consensus::kNoReplica && now_ >= transfer_deadline_) {
      transfer_target_ = consensus::kNoReplica;
    }
    if (now_ >= heartbeat_due_) {
      heartbeat_due_ = now_ + options_.heartbeat_interval;
      snapshot_asked_ = false;
      look_for_gaps();
      maybe_promote_learner();
      broadcast_heartbeat();
      resend_lost_chunks();
    }
    return;
  }
  if (clock_.due(now_)) {
    if (may_lead()) {
      campaign(options_.pre_vote);
    } else {
      clock_.restart(now_);
    }
  }
}

Instant Raft::next_deadline() const {
  return is_leader() ? std::min(heartbeat_due_, quorum_check_due_) : clock_.deadline();
}

Result<LogIndex> Raft::propose(SharedBytes command, Instant now) {
  now_ = now;
  if (!is_leader()) return fail(ErrorCode::kUnavailable, "this replica is not the master");
  if (transfer_target_ != consensus::kNoReplica) {
    return fail(ErrorCode::kUnavailable, "mastership is being handed over");
  }
  if (uncommitted_bytes_ > 0 &&
      uncommitted_bytes_ + command->size() > options_.uncommitted_bytes_max) {
    return fail(ErrorCode::kUnavailable, "too much is waiting to be committed");
  }
  append_own(consensus::EntryKind::kCommand, std::move(command));
  return log_.last_index();
}

void Raft::append_own(consensus::EntryKind kind, SharedBytes data) {
  Entry entry{term_, log_.last_index().next(), kind, std::move(data)};
  uncommitted_bytes_ += entry.size();
  append_entry(std::move(entry));
}

void Raft::append_entry(Entry entry) {
  const bool configures = entry.kind == consensus::EntryKind::kConfiguration;
  log_.append(std::move(entry));
  if (!configures) return;
  Reader in(*log_.at(log_.last_index()).data);
  CHECK(decode(in, configurations_[log_.last_index()]));
  enter_configuration();
}

void Raft::truncate_from(LogIndex from) {
  CHECK_MSG(from > commit_, fmt::format("truncating {} at commit {}", from.value, commit_.value));
  log_.truncate_from(from);
  persisted_ = std::min(persisted_, log_.last_index());
  output_from_ = std::min(output_from_, from);
  if (configuration_index() >= from) {
    configurations_.erase(configurations_.lower_bound(from), configurations_.end());
    enter_configuration();
  }
  for (auto& [ticket, last] : tickets_) last = std::min(last, log_.last_index());
}

void Raft::become_follower(Term term, ReplicaId leader) {
  CHECK(term >= term_);
  const bool was_leader = is_leader();
  if (term > term_) {
    term_ = term;
    vote_ = consensus::kNoReplica;
    save_hard_state();
  }
  role_ = may_lead() ? Role::kFollower : Role::kLearner;
  leader_ = leader;
  votes_.clear();
  if (was_leader) {
    refuse_reads();
    peers_.clear();
    transfer_target_ = consensus::kNoReplica;
    snapshot_.reset();
    clock_.forget(now_);
  }
  // A new term alone is no sign of a leader: the election timer goes on as it was.
  if (was_leader || leader != consensus::kNoReplica) clock_.restart(now_);
}

void Raft::become_leader() {
  CHECK(role_ == Role::kCandidate);
  role_ = Role::kMaster;
  leader_ = options_.id;
  votes_.clear();
  peers_.clear();
  for (ReplicaId id : configuration_.everyone()) {
    if (id == options_.id) continue;
    Progress progress;
    progress.next = log_.last_index().next();
    progress.heard = now_;
    peers_[id] = progress;
  }
  arriving_.reset();
  snapshot_.reset();
  uncommitted_bytes_ = 0;
  transfer_target_ = consensus::kNoReplica;
  quorum_check_due_ = now_ + options_.election_timeout_max;
  heartbeat_due_ = now_;  // the first round brings the lease
  rounds_.begin();
  term_start_ = log_.last_index().next();
  append_own(consensus::EntryKind::kNoop, nullptr);  // Raft thesis 6.4, step 1
  broadcast_append();
}

void Raft::send(Message message) {
  message.from = options_.id;
  if (message.term == Term()) message.term = term_;
  output_.messages.push_back(std::move(message));
}

void Raft::send_after_persist(Message message) {
  message.from = options_.id;
  if (message.term == Term()) message.term = term_;
  output_.messages_after_persist.push_back(std::move(message));
}

void Raft::on_persisted(Ticket ticket, Instant now) {
  now_ = now;
  while (!tickets_.empty() && tickets_.begin()->first <= ticket) {
    persisted_ = std::max(persisted_, std::min(tickets_.begin()->second, log_.last_index()));
    tickets_.erase(tickets_.begin());
  }
  maybe_count_own_vote();
  if (is_leader()) maybe_commit();
}

void Raft::compact(LogIndex index) {
  CHECK(index <= handed_out_);
  if (index <= log_.mark().index) return;
  while (configurations_.size() > 1 && std::next(configurations_.begin())->first <= index)
    configurations_.erase(configurations_.begin());
  log_.compact_through(index, configurations_.begin()->second);
}

Output Raft::take_output() {
  if (is_leader()) {
    maybe_finish_change();
    flush_waiting_reads();
    for (auto& [id, progress] : peers_) {
      maybe_send_append(id, progress, false);
      maybe_send_commit(id, progress);
    }
    maybe_leave();
  }
  LogIndex ready = std::min(commit_, persisted_);
  if (handed_out_ < ready) {
    output_.committed = log_.slice(handed_out_.next(), ready, options_.committed_bytes_max);
    handed_out_ = output_.committed.back().index;
  }
  HardState now{term_, vote_, commit_, clock_.promise().longest()};
  if (output_from_ <= log_.last_index()) {
    output_.entries = log_.slice(output_from_, log_.last_index(), SIZE_MAX);
    output_from_ = log_.last_index().next();
  }
  // A commit index alone is not worth a write: it is a hint that is written with the next record.
  if (hard_state_changed_ || !output_.entries.empty()) {
    output_.hard_state = now;
    if (hard_state_changed_) hard_state_ticket_ = next_ticket_;
    hard_state_changed_ = false;
    output_.ticket = next_ticket_;
    tickets_[next_ticket_] = log_.last_index();
    next_ticket_ = next_ticket_.next();
  }
  RoleState role{role_, term_, leader_};
  if (role != announced_) {
    announced_ = role;
    output_.role = role;
  }
  if (std::exchange(configuration_changed_, false)) output_.configuration = configuration_;
  return std::exchange(output_, {});
}

consensus::Status Raft::status() const {
  consensus::Status status{.role = {role_, term_, leader_},
                           .commit = commit_,
                           .last = log_.last_index(),
                           .first = log_.first_index(),
                           .persisted = persisted_,
                           .log_bytes = log_.bytes(),
                           .configuration = configuration_,
                           .configuration_settled = !configuration_.joint() &&
                                                    configuration_index() <= commit_ &&
                                                    (!is_leader() || may_serve_reads()),
                           .lease_until = is_leader() ? rounds_.lease_until() : Instant(),
                           .peers = {}};
  for (const auto& [id, progress] : peers_) {
    if (progress.leaves_at != Instant::max()) continue;
    status.peers.push_back({id, progress.match, progress.heard, progress.feed == Feed::kSnapshot});
  }
  return status;
}

}  // namespace polis::raft
