// Learning, the papers' learner role: finding out what is chosen (Simple 2.3). The master tells how
// far everything is chosen. A replica knows the chosen value of a slot if it has accepted a value
// there under that ballot; it asks for the others. If the replica that is asked has released them,
// it sends a snapshot instead (Live 5.5). The receiver asks for the snapshot part by part, so a
// lost connection costs one part, and the sender has to remember nothing.

#include "base/check.hh"
#include "consensus/paxos/paxos.hh"

namespace polis::paxos {
namespace {

// "Chosen through here" may overtake the accept that it speaks of.
constexpr Duration kAskAfter = std::chrono::milliseconds(10);

}  // namespace

void Paxos::choose_next() {
  commit_ = commit_.next();
  const Entry& entry = slots_.at(commit_);
  open_bytes_ -= entry.size();
  if (entry.kind == consensus::EntryKind::kConfiguration) enter_configuration(commit_);
}

// Everything through `commit` was chosen under `ballot` or a lower one. So a value that was
// accepted under `ballot` or a higher one is the chosen one (Simple 2.2, P2c).
void Paxos::on_told(ReplicaId by, Ballot ballot, LogIndex commit) {
  auto believe = [this] {
    while (commit_ < told_) {
      const Entry* held = slots_.find(commit_.next());
      if (held == nullptr || ballot_of(*held) < told_by_) break;
      choose_next();
    }
  };
  believe();
  if (commit > told_) {
    told_ = commit;
    told_by_ = ballot;
    believe();
  }
  advance_ready();
  teacher_ = by;
  if (commit_ >= told_) {
    ask_at_ = Instant::max();
  } else if (ballot == kNobodysBallot) {
    ask_now();
  } else {
    ask(now_ + kAskAfter);
  }
}

void Paxos::ask(Instant at) {
  if (ask_at_ == Instant::max()) ask_at_ = at;
}

void Paxos::ask_now() {
  if (is_master() || commit_ >= told_) {
    ask_at_ = Instant::max();
    return;
  }
  ask_at_ = now_ + options_.election_timeout_min / 2;
  // The snapshot is not wanted any more; or a part of it was not written, for want of space, and
  // the transfer has to begin again.
  if (arriving_ && (!wants_snapshot(*arriving_) || arriving_chunk_under_way_)) arriving_.reset();
  if (!arriving_) {
    send({.type = MessageType::kLearn, .to = teacher_, .slot = commit_.next()});
  } else if (arriving_offset_ < arriving_size_) {
    ask_for_chunk(teacher_, *arriving_, arriving_offset_, false);
  }
}

void Paxos::on_learn(const Message& message) {
  if (message.slot > commit_) return;
  if (message.slot >= slots_.first()) {
    return send({.type = MessageType::kChosen,
                 .to = message.from,
                 .slot = message.slot,
                 .commit = commit_,
                 .entries = slots_.run(message.slot, commit_, options_.append_bytes_max)});
  }
  auto peer = peers_.find(message.from);
  if (peer != peers_.end()) peer->second.asked_snapshot = now_;
  // Only a snapshot from which the log continues helps.
  if (snapshot_ && snapshot_->index >= slots_.base()) return send_chunk(message.from, 0);
  // The driver may not be able to make one just now.
  if (now_ - snapshot_asked_ < options_.heartbeat_interval) return;
  snapshot_asked_ = now_;
  output_.snapshot_wanted = true;
}

void Paxos::on_chosen(Message message) {
  if (is_master()) return;
  const LogIndex before = commit_;
  for (Entry& entry : message.entries) {
    if (entry.index != commit_.next()) continue;
    const Entry* held = slots_.find(entry.index);
    if (held == nullptr || ballot_of(*held) < ballot_of(entry)) put(std::move(entry));
    choose_next();
  }
  if (commit_ == before) return;
  arriving_.reset();
  if (is_candidate()) clock_.restart(now_);
  ask_at_ = Instant::max();
  on_told(message.from, kNobodysBallot, message.commit);
  maybe_become_master();
}

void Paxos::on_snapshot_available(const SnapshotMark& mark, std::uint64_t size, Instant now) {
  now_ = now;
  CHECK(size > 0 && mark.index <= handed_out_);
  snapshot_ = mark;
  snapshot_size_ = size;
}

void Paxos::on_snapshot_ask(const Message& message) {
  const bool current = snapshot_ && *snapshot_ == message.mark && snapshot_->index >= slots_.base();
  if (message.reject) {
    if (!current) return;
    snapshot_.reset();
    output_.snapshot_damaged = true;
    return;
  }
  if (!current) return on_learn(message);
  auto peer = peers_.find(message.from);
  if (peer != peers_.end()) peer->second.asked_snapshot = now_;
  // Another replica's snapshot of this mark may have been longer.
  send_chunk(message.from, message.offset < snapshot_size_ ? message.offset : 0);
}

void Paxos::send_chunk(ReplicaId to, std::uint64_t offset) {
  send({.type = MessageType::kSnapshotChunk,
        .to = to,
        .mark = *snapshot_,
        .snapshot_size = snapshot_size_,
        .offset = offset,
        .chunk_length = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(snapshot_size_ - offset, options_.snapshot_chunk_bytes))});
}

void Paxos::ask_for_chunk(ReplicaId from, const SnapshotMark& mark, std::uint64_t offset,
                          bool damaged) {
  ask_at_ = now_ + options_.election_timeout_min / 2;
  send({.type = MessageType::kSnapshotAsk,
        .to = from,
        .slot = commit_.next(),
        .reject = damaged,
        .mark = mark,
        .offset = offset});
}

void Paxos::on_snapshot_chunk(Message message) {
  if (is_master() || !wants_snapshot(message.mark)) return;
  if (is_candidate()) clock_.restart(now_);
  if (!arriving_ || *arriving_ != message.mark || arriving_size_ != message.snapshot_size) {
    if (message.offset != 0) {
      // Another replica goes on with a snapshot of the same mark, and made it differently.
      if (arriving_ && *arriving_ == message.mark && message.from == teacher_)
        ask_for_chunk(message.from, message.mark, 0, false);
      return;
    }
    arriving_ = message.mark;
    arriving_size_ = message.snapshot_size;
    arriving_offset_ = 0;
    arriving_chunk_under_way_ = false;
  }
  if (message.offset != arriving_offset_ || arriving_chunk_under_way_ || message.chunk.empty())
    return;
  arriving_chunk_under_way_ = true;
  output_.chunks.push_back({message.from, message.mark, message.snapshot_size, message.offset,
                            std::move(message.chunk)});
}

void Paxos::on_chunk_written(ReplicaId from, const SnapshotMark& mark, std::uint64_t offset,
                             Instant now) {
  now_ = now;
  if (!arriving_ || *arriving_ != mark) return;
  arriving_chunk_under_way_ = false;
  arriving_offset_ = offset;
  if (offset < arriving_size_) ask_for_chunk(from, mark, offset, false);
}

void Paxos::on_snapshot_damaged(ReplicaId from, const SnapshotMark& mark, Instant now) {
  now_ = now;
  if (!arriving_ || *arriving_ != mark) return;
  arriving_.reset();
  ask_for_chunk(from, mark, 0, true);
}

bool Paxos::wants_snapshot(const SnapshotMark& mark) const {
  return !is_master() && mark.index > commit_;
}

// What was accepted behind the mark stays: other replicas count on it.
void Paxos::on_snapshot_installed(ReplicaId from, const SnapshotMark& mark, Instant now) {
  now_ = now;
  CHECK(wants_snapshot(mark));
  arriving_.reset();
  for (LogIndex slot = commit_.next(); slot <= std::min(mark.index, slots_.last());
       slot = slot.next()) {
    if (const Entry* held = slots_.find(slot)) open_bytes_ -= held->size();
  }
  slots_.forget_through(mark.index);
  commit_ = ready_ = handed_out_ = mark.index;
  configuration_ = mark.configuration;
  configurations_held_.erase(configurations_held_.begin(),
                             configurations_held_.upper_bound(mark.index));
  enter_configuration(mark.index);
  // The log on disk has to begin behind the mark as well.
  hard_state_changed_ = true;
  ask_at_ = Instant::max();
  on_told(from, kNobodysBallot, told_);
  maybe_become_master();
}

}  // namespace polis::paxos
