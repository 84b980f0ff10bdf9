// Linearizable reads, asked for by the leader itself or by a follower: by lease (Raft thesis 6.4.1)
// while the leader holds it, else by read index (6.4).

#include "base/check.hh"
#include "consensus/quorum.hh"
#include "consensus/raft/raft.hh"

namespace polis::raft {

void Raft::read(ReadId id, Instant now) {
  now_ = now;
  if (is_leader()) {
    request_read(id, options_.id);
  } else if (leader_ != consensus::kNoReplica) {
    send({.type = MessageType::kReadIndex, .to = leader_, .read = id});
  } else {
    output_.reads_refused.push_back(id);
  }
}

bool Raft::may_serve_reads() const { return commit_ >= term_start_; }

void Raft::request_read(ReadId id, ReplicaId origin) {
  // now_ is younger than the request: a pause in between cannot make an old lease look alive.
  if (options_.lease.reads == consensus::Reads::kLease && may_serve_reads() && lease_.holds(now_))
    return answer_read(id, origin, commit_);
  reads_waiting_.emplace_back(id, origin);
}

// Gives all that wait one round. The index is taken here, after every one of them was asked for.
void Raft::flush_waiting_reads() {
  if (reads_waiting_.empty() || !may_serve_reads()) return;
  if (round_of_reads_ > round_confirmed_) return;
  round_of_reads_ = round_ + 1;  // the one that is sent below
  for (auto [id, origin] : reads_waiting_) reads_.push_back({round_of_reads_, id, origin, commit_});
  reads_waiting_.clear();
  broadcast_heartbeat();
}

void Raft::maybe_confirm_round() {
  std::uint64_t confirmed = consensus::quorum_reached(configuration_, [this](ReplicaId id) {
    return id == options_.id ? round_ : peers_.at(id).round;
  });
  round_confirmed_ = std::max(round_confirmed_, confirmed);
  lease_.on_confirmed(round_confirmed_);
  while (!reads_.empty() && reads_.front().round <= round_confirmed_) {
    PendingRead pending = reads_.front();
    reads_.pop_front();
    answer_read(pending.id, pending.origin, pending.index);
  }
}

void Raft::answer_read(ReadId id, ReplicaId origin, LogIndex index) {
  if (origin == options_.id) {
    output_.reads.push_back({id, index});
  } else {
    send({.type = MessageType::kReadIndexReply, .to = origin, .index = index, .read = id});
  }
}

void Raft::refuse_read(ReadId id, ReplicaId origin) {
  if (origin == options_.id) {
    output_.reads_refused.push_back(id);
  } else {
    send({.type = MessageType::kReadIndexReply, .to = origin, .reject = true, .read = id});
  }
}

void Raft::refuse_reads() {
  for (const PendingRead& pending : reads_) {
    refuse_read(pending.id, pending.origin);
  }
  for (auto [id, origin] : reads_waiting_) refuse_read(id, origin);
  reads_.clear();
  reads_waiting_.clear();
}

void Raft::on_read_index(const Message& message) {
  if (is_leader() && peers_.contains(message.from)) {
    request_read(message.read, message.from);
  } else {
    refuse_read(message.read, message.from);
  }
}

void Raft::on_read_index_reply(const Message& message) {
  if (message.reject) {
    output_.reads_refused.push_back(message.read);
  } else {
    output_.reads.push_back({message.read, message.index});
  }
}

}  // namespace polis::raft
