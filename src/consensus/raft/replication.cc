// Replication and commitment: both ends of append and heartbeat.

#include "base/check.hh"
#include "consensus/quorum.hh"
#include "consensus/raft/raft.hh"

namespace polis::raft {

void Raft::broadcast_append() {
  for (auto& [id, progress] : peers_) maybe_send_append(id, progress, true);
}

// A follower that answers but does not move between two heartbeats may have lost a message.
void Raft::look_for_gaps() {
  for (auto& [id, progress] : peers_) {
    progress.gap_suspected =
        progress.match == progress.match_at_heartbeat && progress.match < log_.last_index();
    progress.match_at_heartbeat = progress.match;
    // Raft thesis 4.2.1: the last pass of catching up took no longer than a heartbeat interval.
    progress.caught_up =
        progress.feed == Feed::kReplicate && progress.match >= progress.last_at_heartbeat;
    progress.last_at_heartbeat = log_.last_index();
  }
}

// An empty append behind everything sent: refused if something before it was lost.
void Raft::probe_gap(ReplicaId to, Progress& progress) {
  progress.gap_suspected = false;
  progress.probe_sent = false;
  const LogIndex previous = progress.next.previous();
  if (progress.feed != Feed::kReplicate || !log_.has_term(previous)) {
    if (progress.feed == Feed::kReplicate) progress.become_probe();
    maybe_send_append(to, progress, true);
    return;
  }
  send({.type = MessageType::kAppend,
        .to = to,
        .index = previous,
        .log_term = log_.term_at(previous),
        .commit = commit_});
}

// Sends a round: a follower that answers confirms this leadership and gives a lease promise
// (lease.hh).
void Raft::broadcast_heartbeat() {
  const std::uint64_t round = rounds_.send(now_);
  for (auto& [id, progress] : peers_) {
    // Never tell a follower to commit what it is not known to have.
    send({.type = MessageType::kHeartbeat,
          .to = id,
          .commit = std::min(progress.match, commit_),
          .round = round,
          .lease_promise = options_.lease.length});
  }
  maybe_confirm_round();
}

void Raft::maybe_send_append(ReplicaId to, Progress& progress, bool even_if_empty) {
  while (true) {
    if (progress.feed == Feed::kSnapshot) return;
    if (progress.feed == Feed::kProbe && progress.probe_sent) return;
    if (progress.feed == Feed::kReplicate &&
        (progress.in_flight.size() >= std::min(progress.window, options_.in_flight_messages_max) ||
         progress.in_flight_bytes >= options_.in_flight_bytes_max)) {
      return;
    }
    const LogIndex previous = progress.next.previous();
    if (!log_.has_term(previous)) {
      start_snapshot(to, progress);
      return;
    }
    if (progress.next > log_.last_index() && !even_if_empty) return;
    Message message{
        .type = MessageType::kAppend,
        .to = to,
        .index = previous,
        .log_term = log_.term_at(previous),
        .commit = commit_,
        .entries = log_.slice(progress.next, log_.last_index(), options_.append_bytes_max)};
    std::size_t bytes = 0;
    for (const Entry& entry : message.entries) bytes += entry.size();
    progress.commit_sent = commit_;
    if (progress.feed == Feed::kProbe) {
      progress.probe_sent = true;
    } else if (!message.entries.empty()) {
      progress.sent(message.entries.back().index, bytes);
    }
    send(std::move(message));
    even_if_empty = false;
  }
}

// A follower's clients wait until it knows that their commands are committed. So it is told at
// once, not with the next append or heartbeat.
void Raft::maybe_send_commit(ReplicaId to, Progress& progress) {
  LogIndex commit = std::min(progress.match, commit_);
  if (commit <= progress.commit_sent || progress.feed == Feed::kSnapshot) return;
  progress.commit_sent = commit;
  send({.type = MessageType::kCommit, .to = to, .commit = commit});
}

void Raft::on_append(const Message& message) {
  leader_ = message.from;
  CHECK(!is_leader());  // two leaders in one term
  if (role_ != Role::kFollower && role_ != Role::kLearner) become_follower(term_, message.from);
  clock_.hear(now_);

  // The committed part of this log agrees with every leader's (Raft thesis 3.6.3), also where it
  // has been released.
  if (message.index < commit_) {
    LogIndex last = message.index + message.entries.size();
    if (last <= commit_) {
      send_after_persist({.type = MessageType::kAppendReply, .to = message.from, .index = commit_});
      return;
    }
  }
  const bool behind_commit = message.index < commit_;
  if (!behind_commit &&
      (message.index > log_.last_index() || log_.term_at(message.index) != message.log_term)) {
    // Raft thesis 3.5, the optimisation: jump back over a whole term of ours at a time.
    LogIndex hint = std::min(message.index, log_.last_index());
    while (hint > commit_ && log_.term_at(hint) > message.log_term) hint = hint.previous();
    send_after_persist({.type = MessageType::kAppendReply,
                        .to = message.from,
                        .index = hint,
                        .log_term = log_.term_at(hint),
                        .commit = message.index,
                        .reject = true});
    return;
  }
  for (const Entry& entry : message.entries) {
    if (entry.index <= commit_) continue;
    if (entry.index <= log_.last_index()) {
      if (log_.term_at(entry.index) == entry.term) continue;
      truncate_from(entry.index);
    }
    append_entry(entry);
  }
  LogIndex last_new = message.index + message.entries.size();
  advance_commit(std::min(message.commit, last_new));
  send_after_persist({.type = MessageType::kAppendReply, .to = message.from, .index = last_new});
}

void Raft::on_append_reply(const Message& message) {
  auto found = peers_.find(message.from);
  if (!is_leader() || found == peers_.end()) return;
  Progress& progress = found->second;
  progress.heard = now_;
  if (message.reject) {
    // A late refusal: of an append that has been accepted since, or not of the probe that is under
    // way.
    if (message.commit <= progress.match || progress.feed == Feed::kSnapshot) return;
    if (progress.feed == Feed::kProbe && message.commit != progress.next.previous()) return;
    LogIndex hint = std::min(message.index, log_.last_index());
    while (log_.has_term(hint) && hint > progress.match && log_.term_at(hint) > message.log_term) {
      hint = hint.previous();
    }
    progress.narrow();
    progress.become_probe();
    progress.next = std::max(progress.match.next(), hint.next());
    maybe_send_append(message.from, progress, true);
    return;
  }
  if (message.index > log_.last_index()) return;  // no honest follower has more than its leader
  const bool news = progress.advance(message.index);
  if (progress.feed == Feed::kProbe ||
      (progress.feed == Feed::kSnapshot && progress.match >= progress.snapshot)) {
    progress.become_replicate();  // or a newer snapshot, if the log has moved on meanwhile
  }
  if (news) maybe_commit();
  maybe_finish_transfer(message.from, progress);
}

// Raft thesis 3.6.2: only an entry of the own term is committed by counting; the ones before it
// come along.
void Raft::maybe_commit() {
  LogIndex agreed(consensus::quorum_reached(configuration_, Phase::kCommit, [this](ReplicaId id) {
    return id == options_.id ? persisted_.value : peers_.at(id).match.value;
  }));
  if (agreed <= commit_ || log_.term_at(agreed) != term_) return;
  advance_commit(agreed);
}

void Raft::advance_commit(LogIndex commit) {
  if (commit <= commit_) return;
  CHECK(commit <= log_.last_index());
  if (is_leader()) {
    for (LogIndex i = commit_.next(); i <= commit; i = i.next()) {
      uncommitted_bytes_ -= std::min(uncommitted_bytes_, log_.at(i).size());
    }
  }
  commit_ = commit;
}

void Raft::on_heartbeat(const Message& message) {
  CHECK(!is_leader());
  leader_ = message.from;
  if (role_ != Role::kFollower && role_ != Role::kLearner) become_follower(term_, message.from);
  const bool is_round = message.type == MessageType::kHeartbeat;
  if (is_round && clock_.promise().give(term_, message.round, message.lease_promise, now_))
    save_hard_state();
  clock_.hear(now_);  // after the lease promise, which moves the deadline
  advance_commit(std::min(message.commit, log_.last_index()));
  if (!is_round) return;
  // The reply says only "I know you as leader of this term, and give the lease promise". It waits
  // for the disk only if term or longest promise are still on their way there.
  Message reply{.type = MessageType::kHeartbeatReply, .to = message.from, .round = message.round};
  hard_state_is_durable() ? send(std::move(reply)) : send_after_persist(std::move(reply));
}

bool Raft::hard_state_is_durable() const {
  return !hard_state_changed_ && (tickets_.empty() || tickets_.begin()->first > hard_state_ticket_);
}

void Raft::on_heartbeat_reply(const Message& message) {
  auto found = peers_.find(message.from);
  if (!is_leader() || found == peers_.end()) return;
  Progress& progress = found->second;
  progress.heard = now_;
  if (message.round > progress.round) {
    progress.round = std::min(message.round, rounds_.newest());
    maybe_confirm_round();
  }
  if (progress.gap_suspected) probe_gap(message.from, progress);
}

Result<void> Raft::transfer(ReplicaId target, Instant now) {
  now_ = now;
  if (!is_leader()) return fail(ErrorCode::kUnavailable, "this replica is not the master");
  if (target == options_.id || !configuration_.is_voter(target)) {
    return fail(ErrorCode::kInvalid, "mastership can only go to another voting replica");
  }
  // From here on another replica may be elected with this leader's consent (Raft thesis 6.4.1).
  rounds_.give_up_lease();
  transfer_target_ = target;
  transfer_deadline_ = now_ + options_.election_timeout_max;
  Progress& progress = peers_.at(target);
  maybe_send_append(target, progress, false);
  maybe_finish_transfer(target, progress);
  return {};
}

void Raft::maybe_finish_transfer(ReplicaId id, const Progress& progress) {
  if (id != transfer_target_ || progress.match != log_.last_index()) return;
  rounds_.give_up_lease();
  send({.type = MessageType::kTimeoutNow, .to = id, .round = rounds_.newest()});
}

}  // namespace polis::raft
