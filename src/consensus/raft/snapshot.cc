// Snapshots for followers that need entries which the log has released (Raft thesis 5). One part is
// under way to each follower, and the follower asks for the next one by its offset. So a receiver
// that was cut off goes on where it stopped.

#include "base/check.hh"
#include "consensus/raft/raft.hh"

namespace polis::raft {

void Raft::start_snapshot(ReplicaId to, Progress& progress) {
  // Only a snapshot from which the log continues helps the follower.
  if (!snapshot_ || snapshot_->index < log_.mark().index) {
    // Once for each heartbeat: the driver may not be able to make one just now.
    output_.snapshot_wanted = output_.snapshot_wanted || !snapshot_asked_;
    snapshot_asked_ = true;
    return;
  }
  progress.become_snapshot(snapshot_->index);
  send_chunk(to, progress);
}

void Raft::on_snapshot_available(const SnapshotMark& mark, std::uint64_t size, Instant now) {
  now_ = now;
  if (!is_leader()) return;
  CHECK(size > 0 && mark.index <= handed_out_);
  snapshot_ = mark;
  snapshot_size_ = size;
  snapshot_asked_ = false;
  for (auto& [id, progress] : peers_) {
    // A follower that receives an older snapshot begins anew: that file is gone.
    if (progress.feed == Feed::kSnapshot && progress.snapshot != mark.index)
      progress.become_probe();
  }
}

void Raft::send_chunk(ReplicaId to, Progress& progress) {
  if (!snapshot_ || progress.snapshot != snapshot_->index) {
    progress.become_probe();
    return;
  }
  std::uint64_t left = snapshot_size_ - progress.snapshot_offset;
  send({.type = MessageType::kSnapshotChunk,
        .to = to,
        .mark = *snapshot_,
        .snapshot_size = snapshot_size_,
        .offset = progress.snapshot_offset,
        .chunk_length = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(left, options_.snapshot_chunk_bytes))});
  progress.chunk_sent = true;
  progress.chunk_sent_at = now_;
}

void Raft::resend_lost_chunks() {
  for (auto& [id, progress] : peers_) {
    if (progress.feed == Feed::kSnapshot && progress.chunk_sent &&
        now_ - progress.chunk_sent_at > options_.election_timeout_max) {
      send_chunk(id, progress);
    }
  }
}

void Raft::on_snapshot_chunk(Message message) {
  CHECK(!is_leader());
  leader_ = message.from;
  if (role_ != Role::kFollower && role_ != Role::kLearner) become_follower(term_, message.from);
  clock_.hear(now_);
  if (!wants_snapshot(message.mark)) {
    send_after_persist({.type = MessageType::kAppendReply,
                        .to = message.from,
                        .index = std::max(commit_, message.mark.index)});
    return;
  }
  if (!arriving_ || *arriving_ != message.mark || arriving_size_ != message.snapshot_size) {
    arriving_ = message.mark;
    arriving_size_ = message.snapshot_size;
    arriving_offset_ = 0;
    arriving_chunk_under_way_ = false;
  }
  // The part comes again, because it was not written the first time, for want of space. The
  // transfer begins from the start, so that the file is whole.
  if (arriving_chunk_under_way_ && message.offset == arriving_offset_ &&
      now_ - arriving_since_ >= options_.election_timeout_min) {
    arriving_chunk_under_way_ = false;
    arriving_offset_ = 0;
  }
  if (message.offset != arriving_offset_) {
    if (!arriving_chunk_under_way_) reply_snapshot(message.from, message.mark, arriving_offset_);
    return;
  }
  if (arriving_chunk_under_way_ || message.chunk.empty()) return;
  arriving_chunk_under_way_ = true;
  arriving_since_ = now_;
  output_.chunks.push_back({message.from, message.mark, message.snapshot_size, message.offset,
                            std::move(message.chunk)});
}

void Raft::on_chunk_written(ReplicaId from, const SnapshotMark& mark, std::uint64_t offset,
                            Instant now) {
  now_ = now;
  if (!arriving_ || *arriving_ != mark) return;
  arriving_chunk_under_way_ = false;
  arriving_offset_ = offset;
  reply_snapshot(from, mark, offset);
}

void Raft::on_snapshot_damaged(ReplicaId from, const SnapshotMark& mark, Instant now) {
  now_ = now;
  if (!arriving_ || *arriving_ != mark) return;
  arriving_.reset();
  send_after_persist(
      {.type = MessageType::kSnapshotReply, .to = from, .reject = true, .mark = mark});
}

// Everything through the mark is here already if it is committed, or if the entry at the mark is
// the one that the snapshot ends with (the log matching property, Raft thesis 3.5).
bool Raft::wants_snapshot(const SnapshotMark& mark) const {
  return mark.index > commit_ &&
         !(log_.has_term(mark.index) && log_.term_at(mark.index) == mark.term);
}

void Raft::reply_snapshot(ReplicaId to, const SnapshotMark& mark, std::uint64_t offset) {
  send_after_persist(
      {.type = MessageType::kSnapshotReply, .to = to, .mark = mark, .offset = offset});
}

void Raft::on_snapshot_installed(ReplicaId from, const SnapshotMark& mark, Instant now) {
  now_ = now;
  arriving_.reset();
  CHECK(wants_snapshot(mark));
  CHECK(!is_leader());
  // Raft thesis 5.3: the snapshot replaces the log. (Keeping a matching tail would save little and
  // is not proved here.)
  log_.reset(mark);
  configurations_ = {{mark.index, mark.configuration}};
  enter_configuration();
  commit_ = handed_out_ = persisted_ = mark.index;
  output_from_ = mark.index.next();
  for (auto& [ticket, last] : tickets_) last = mark.index;
  // The log on disk has to begin behind the mark as well.
  save_hard_state();
  send_after_persist({.type = MessageType::kAppendReply, .to = from, .index = mark.index});
}

void Raft::on_snapshot_reply(const Message& message) {
  auto found = peers_.find(message.from);
  if (!is_leader() || found == peers_.end()) return;
  Progress& progress = found->second;
  progress.heard = now_;
  if (progress.feed != Feed::kSnapshot || progress.snapshot != message.mark.index) return;
  if (!snapshot_ || message.offset > snapshot_size_) return;
  if (message.reject) {
    // Nobody is served from that file any more (send_chunk); the next append finds that one is
    // wanted.
    snapshot_.reset();
    output_.snapshot_damaged = true;
    progress.become_probe();
    return;
  }
  progress.snapshot_offset = message.offset;
  progress.chunk_sent = false;
  if (message.offset < snapshot_size_) {
    send_chunk(message.from, progress);
  } else {
    // The follower has all of it and installs it; its append reply will end the transfer. If that
    // reply is lost, sending the last byte again makes the follower reply again.
    progress.snapshot_offset = snapshot_size_ - std::min<std::uint64_t>(snapshot_size_, 1);
    progress.chunk_sent = true;
    progress.chunk_sent_at = now_;
  }
}

}  // namespace polis::raft
