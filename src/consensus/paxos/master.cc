// What a master does: phase 2 of every slot, pipelined; rounds, reads, hand-overs.

#include "base/check.hh"
#include "consensus/paxos/paxos.hh"

namespace polis::paxos {
namespace {

// After this many answers to later messages, an earlier message counts as lost.
constexpr int kPassedMax = 3;
// A message that was overtaken by less than this may still arrive: networks reorder a little.
constexpr Duration kOvertakingMin = std::chrono::milliseconds(1);
// How long an answer may take before the message counts as lost: kAnswerRoundTrips round trips, but
// at least kAnswerMin, since disks have bad moments; and kAnswerPerByte more for each byte under
// way, which suits a link of a megabyte a second. Each time that no answer comes the time doubles,
// at most kDoubledMax times.
constexpr int kAnswerRoundTrips = 4;
constexpr Duration kAnswerMin = std::chrono::milliseconds(5);
constexpr Duration kAnswerPerByte = std::chrono::microseconds(1);
constexpr int kDoubledMax = 6;

}  // namespace

Result<LogIndex> Paxos::propose(SharedBytes command, Instant now) {
  now_ = now;
  if (!is_master()) return fail(ErrorCode::kUnavailable, "this replica is not the master");
  if (transfer_target_ != consensus::kNoReplica)
    return fail(ErrorCode::kUnavailable, "mastership is being handed over");
  std::size_t under_way = open_bytes_;
  for (const Entry& entry : waiting_) under_way += entry.size();
  if (under_way > 0 && under_way + command->size() > options_.uncommitted_bytes_max)
    return fail(ErrorCode::kUnavailable, "too much is waiting to be committed");
  const LogIndex slot = opened_ + waiting_.size() + (configuration_waiting_ ? 2 : 1);
  waiting_.push_back({{}, slot, consensus::EntryKind::kCommand, std::move(command)});
  open_waiting();
  return slot;
}

void Paxos::open(Entry entry) {
  CHECK(entry.index == opened_.next());
  entry.term = ballot_.term;
  entry.proposer = ballot_.replica;
  opened_ = entry.index;
  put(std::move(entry));
}

void Paxos::open_waiting() {
  if (waiting_.empty() && !configuration_waiting_) return;
  if (!has_promises()) return;
  maybe_open_configuration();
  if (configuration_waiting_ || !has_promises()) return;
  while (!waiting_.empty()) {
    Entry entry = std::move(waiting_.front());
    waiting_.pop_front();
    open(std::move(entry));
  }
}

// Simple 2.2, phase 2a. A slot that has been chosen meanwhile is not sent: the peer will learn it.
void Paxos::feed(ReplicaId to, Peer& peer) {
  while (peer.next <= opened_ && peer.in_flight.size() < options_.in_flight_messages_max &&
         peer.in_flight_bytes < options_.in_flight_bytes_max) {
    peer.next = std::max(peer.next, commit_.next());
    if (peer.next <= opened_) send_accept(to, peer, peer.next);
  }
}

void Paxos::send_accept(ReplicaId to, Peer& peer, LogIndex first) {
  Message message{.type = MessageType::kAccept,
                  .to = to,
                  .ballot = ballot_,
                  .slot = first,
                  .commit = commit_,
                  .entries = slots_.run(first, opened_, options_.append_bytes_max)};
  std::size_t bytes = 0;
  for (const Entry& entry : message.entries) bytes += entry.size();
  const LogIndex last = message.entries.back().index;
  peer.sent(first, last, bytes, now_);
  peer.next = last.next();
  peer.commit_sent = commit_;
  send(std::move(message));
}

void Paxos::send_again(Peer& peer, ReplicaId to, InFlight& item) {
  item.sent = now_;
  item.passed = 0;
  ++item.tries;
  const LogIndex first = std::max(item.first, commit_.next());
  peer.commit_sent = commit_;
  send({.type = MessageType::kAccept,
        .to = to,
        .ballot = ballot_,
        .slot = first,
        .commit = commit_,
        .entries = slots_.run(first, item.last, SIZE_MAX)});
}

// When the message is to be sent again, if no answer comes.
Instant Paxos::answer_due(const Peer& peer, const InFlight& item) const {
  const Duration patience = peer.round_trip == Duration()
                                ? options_.heartbeat_interval
                                : std::max(kAnswerMin, kAnswerRoundTrips * peer.round_trip);
  const Duration bytes = kAnswerPerByte * static_cast<std::int64_t>(peer.in_flight_bytes);
  return item.sent + (patience + bytes) * (1 << std::min(item.tries, kDoubledMax));
}

Instant Paxos::first_answer_due() const {
  Instant first = Instant::max();
  for (auto& [id, peer] : peers_) {
    for (auto item = peer.in_flight.rbegin(); item != peer.in_flight.rend() && item->last > commit_;
         ++item)
      first = std::min(first, answer_due(peer, *item));
  }
  return first;
}

// What should have been answered by now.
void Paxos::send_lost(ReplicaId to, Peer& peer) {
  for (auto item = peer.in_flight.begin(); item != peer.in_flight.end();) {
    if (item->last > commit_) {
      if (now_ >= answer_due(peer, *item)) send_again(peer, to, *item);
      ++item;
    } else if (now_ - item->sent >= std::max(options_.election_timeout_max, 2 * peer.round_trip)) {
      peer.in_flight_bytes -= item->bytes;
      item = peer.in_flight.erase(item);
    } else {
      ++item;
    }
  }
}

// A follower's clients wait until it knows that their commands are chosen. So it is told at once,
// not with the next accept or heartbeat.
void Paxos::send_commit(ReplicaId to, Peer& peer) {
  if (commit_ <= peer.commit_sent) return;
  peer.commit_sent = commit_;
  send({.type = MessageType::kCommit, .to = to, .ballot = ballot_, .commit = commit_});
}

// Sends a round: a replica that answers confirms this mastership and gives a lease promise
// (lease.hh).
void Paxos::broadcast_heartbeat() {
  const std::uint64_t round = rounds_.send(now_);
  for (auto& [id, peer] : peers_) {
    peer.commit_sent = commit_;
    send({.type = MessageType::kHeartbeat,
          .to = id,
          .ballot = ballot_,
          .commit = commit_,
          .round = round,
          .lease_promise = options_.lease.length});
  }
  maybe_confirm_round();
}

// Null: not an answer to this mastership.
Peer* Paxos::answering_peer(const Message& message) {
  auto found = peers_.find(message.from);
  if (!is_master() || message.ballot != ballot_ || found == peers_.end()) return nullptr;
  Peer& peer = found->second;
  peer.heard = now_;
  peer.learned = std::max(peer.learned, message.commit);
  return &peer;
}

void Paxos::on_accepted(const Message& message) {
  Peer* peer = answering_peer(message);
  if (peer == nullptr || message.through > opened_) return;
  if (message.through > commit_)
    peer->accepted.add(std::max(message.slot, commit_.next()), message.through);
  for (auto item = peer->in_flight.begin(); item != peer->in_flight.end(); ++item) {
    if (item->first != message.slot && item->last != message.through) continue;
    if (item->tries == 0) peer->note_round_trip(now_ - item->sent);
    // An earlier message counts as lost if it was sent so long before this one that its answer
    // should have come first, or if several later ones have been answered (RFC 8985, 3.1 and 6.2).
    const Instant sent = item->sent;
    const Duration overtaking = std::max(kOvertakingMin, peer->round_trip / 4);
    for (auto before = peer->in_flight.begin(); before != item; ++before) {
      const bool lost = ++before->passed >= kPassedMax || sent - before->sent >= overtaking;
      if (lost && before->last > commit_) send_again(*peer, message.from, *before);
    }
    // The answer may be for a part only: for what was not chosen yet when the message was sent
    // again, or for what the peer had room for. Then the message stays in flight.
    if (item->last == message.through) peer->drop(item);
    break;
  }
  maybe_commit();
  maybe_finish_transfer();
}

// Simple 2.3: a value is chosen when a quorum has accepted it; slots are chosen in any order.
// commit_ moves over those without a gap, which can be applied.
void Paxos::maybe_commit() {
  const LogIndex before = commit_;
  while (commit_ < opened_) {
    const LogIndex slot = commit_.next();
    const Verdict verdict = vote(Phase::kCommit, [&](ReplicaId id) {
      if (id == options_.id) return is_durable(slot) ? 1 : 0;
      auto peer = peers_.find(id);
      return peer != peers_.end() && peer->second.accepted.has(slot) ? 1 : 0;
    });
    if (verdict != Verdict::kWon) break;
    choose_next();
  }
  if (commit_ == before) return;
  advance_ready();
  for (auto& [id, peer] : peers_) peer.accepted.forget_through(commit_);
}

void Paxos::on_heartbeat_reply(const Message& message) {
  Peer* peer = answering_peer(message);
  if (peer == nullptr || message.round <= peer->round) return;
  peer->round = std::min(message.round, rounds_.newest());
  maybe_confirm_round();
}

// Raft thesis 6.2: a master that no quorum has answered for a while stops being master, so that its
// clients go elsewhere.
void Paxos::maybe_step_down_without_quorum() {
  quorum_check_due_ = now_ + options_.election_timeout_min;
  const Verdict verdict = vote(Phase::kCommit, [this](ReplicaId id) {
    if (id == options_.id) return 1;
    auto peer = peers_.find(id);
    return peer != peers_.end() && now_ - peer->second.heard < options_.election_timeout_max ? 1
                                                                                             : -1;
  });
  if (verdict != Verdict::kWon) become_follower(consensus::kNoReplica);
}

Result<void> Paxos::transfer(ReplicaId target, Instant now) {
  now_ = now;
  if (!is_master()) return fail(ErrorCode::kUnavailable, "this replica is not the master");
  if (target == options_.id || !configuration_.is_voter(target))
    return fail(ErrorCode::kInvalid, "mastership can only go to another voting replica");
  // From here on another replica may be elected with this master's consent (Raft thesis 6.4.1).
  rounds_.give_up_lease();
  transfer_target_ = target;
  transfer_deadline_ = now_ + options_.election_timeout_max;
  maybe_finish_transfer();
  return {};
}

// Hands over as soon as everything is chosen, and tells the target so: then it has little to do.
void Paxos::maybe_finish_transfer() {
  if (transfer_target_ == consensus::kNoReplica || commit_ != opened_) return;
  rounds_.give_up_lease();
  send(
      {.type = MessageType::kCommit, .to = transfer_target_, .ballot = ballot_, .commit = commit_});
  send({.type = MessageType::kStand,
        .to = transfer_target_,
        .ballot = ballot_,
        .round = rounds_.newest()});
}

// --- reads, by lease while it is held (Raft thesis 6.4.1), else by a round (6.4)

void Paxos::read(ReadId id, Instant now) {
  now_ = now;
  if (is_master()) {
    request_read(id, options_.id);
  } else if (master_ != consensus::kNoReplica) {
    send({.type = MessageType::kReadIndex, .to = master_, .read = id});
  } else {
    output_.reads_refused.push_back(id);
  }
}

void Paxos::request_read(ReadId id, ReplicaId origin) {
  if (may_serve_reads() && rounds_.by_lease(now_)) return answer_read(id, origin, commit_);
  rounds_.add(id, origin);
}

void Paxos::flush_waiting_reads() {
  if (!rounds_.wants_round() || !may_serve_reads()) return;
  rounds_.join_next(commit_);
  broadcast_heartbeat();
}

void Paxos::maybe_confirm_round() {
  const std::uint64_t confirmed = reached([this](ReplicaId id) {
    if (id == options_.id) return rounds_.newest();
    auto peer = peers_.find(id);
    return peer != peers_.end() ? peer->second.round : 0;
  });
  for (const auto& [asked, index] : rounds_.confirm(confirmed))
    answer_read(asked.id, asked.origin, index);
}

void Paxos::answer_read(ReadId id, ReplicaId origin, LogIndex index) {
  if (origin == options_.id) {
    output_.reads.push_back({id, index});
  } else {
    send({.type = MessageType::kReadIndexReply, .to = origin, .commit = index, .read = id});
  }
}

void Paxos::refuse_read(ReadId id, ReplicaId origin) {
  if (origin == options_.id) {
    output_.reads_refused.push_back(id);
  } else {
    send({.type = MessageType::kReadIndexReply, .to = origin, .reject = true, .read = id});
  }
}

void Paxos::on_read_index(const Message& message) {
  if (is_master() && peers_.contains(message.from)) {
    request_read(message.read, message.from);
  } else {
    refuse_read(message.read, message.from);
  }
}

void Paxos::on_read_index_reply(const Message& message) {
  if (message.reject) {
    output_.reads_refused.push_back(message.read);
  } else {
    output_.reads.push_back({message.read, message.commit});
  }
}

}  // namespace polis::paxos
