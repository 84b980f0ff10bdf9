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
  if (may_serve_reads() && rounds_.by_lease(now_)) return answer_read(id, origin, commit_);
  rounds_.add(id, origin);
}

void Raft::flush_waiting_reads() {
  if (!rounds_.wants_round() || !may_serve_reads()) return;
  rounds_.join_next(commit_);
  broadcast_heartbeat();
}

void Raft::maybe_confirm_round() {
  std::uint64_t confirmed = consensus::quorum_reached(
      configuration_, Phase::kCommit,
      [this](ReplicaId id) { return id == options_.id ? rounds_.newest() : peers_.at(id).round; });
  for (const auto& [asked, index] : rounds_.confirm(confirmed))
    answer_read(asked.id, asked.origin, index);
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
  for (const auto& asked : rounds_.end()) refuse_read(asked.id, asked.origin);
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
