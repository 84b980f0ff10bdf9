// The acceptor: it accepts no proposal below the highest ballot that it has promised, and its
// promises and accepted values are on disk before it answers (Simple 2.2, 2.5).

#include "base/check.hh"
#include "consensus/paxos/paxos.hh"

namespace polis::paxos {

void Paxos::put(Entry entry) {
  const LogIndex slot = entry.index;
  if (slot > commit_) {
    if (const Entry* before = slots_.find(slot)) open_bytes_ -= before->size();
    open_bytes_ += entry.size();
    note_configuration(entry);
  }
  slots_.put(std::move(entry), next_ticket_);
  unsaved_.push_back(slot);
}

void Paxos::promise(Ballot ballot) {
  CHECK(ballot > promised_);
  promised_ = ballot;
  hard_state_changed_ = true;
}

// Simple 2.2, phases 1b and 2b: a ballot below the promised one is refused; a higher one is
// promised.
bool Paxos::adopt(const Message& message) {
  if (message.ballot < promised_) {
    send_after_persist({.type = MessageType::kReject, .to = message.from, .ballot = promised_});
    return false;
  }
  if (message.ballot > promised_) {
    become_follower(consensus::kNoReplica);
    promise(message.ballot);
  }
  return true;
}

// Raft thesis 4.2.3: a replica that hears a master does not help to replace it; 6.4.1: nor does one
// whose lease promise is in force. Both may be broken for a ballot that the master itself asked
// for, unless the master has given that hand-over up since. (`promise` is the lease promise here.)
bool Paxos::may_help(const Message& prepare) const {
  const auto& promise = clock_.promise();
  if (prepare.predecessor == Ballot()) {
    const bool hears =
        is_master() || (master_ != consensus::kNoReplica && clock_.heard_recently(now_));
    return !hears && !promise.stands(now_);
  }
  if (is_master()) return !rounds_.holds_lease(now_);
  return !promise.stands(now_) ||
         (prepare.predecessor == promised_ &&
          promise.yields_to(prepare.predecessor.term, prepare.round, now_));
}

void Paxos::on_prepare(const Message& message) {
  if (message.ballot > promised_ && !may_help(message)) return;
  if (!adopt(message)) return;
  Message reply{.type = MessageType::kPromise,
                .to = message.from,
                .ballot = message.ballot,
                .slot = message.slot,
                .through = std::max(message.slot, slots_.last()),
                .commit = commit_};
  // The proposer can learn what is chosen; `commit` tells it how far that goes.
  reply.entries =
      slots_.held(std::max(message.slot, commit_.next()), reply.through, options_.append_bytes_max);
  reply.more = reply.through < slots_.last();
  send_after_persist(std::move(reply));
}

void Paxos::hear_master(const Message& message) {
  CHECK(!is_master());  // two masters with one ballot
  if (master_ != message.from || (role_ != Role::kFollower && role_ != Role::kLearner))
    become_follower(message.from);
  polls_in_vain_ = 0;
  clock_.hear(now_);
}

void Paxos::on_accept(const Message& message) {
  if (!adopt(message)) return;
  hear_master(message);
  LogIndex last = message.slot.previous();
  for (const Entry& entry : message.entries) {
    if (ballot_of(entry) != message.ballot) return;
    // This replica is too far behind to hold all of it. It will learn the rest when it is chosen.
    if (open_bytes_ > 2 * options_.uncommitted_bytes_max) break;
    last = entry.index;
    if (entry.index <= commit_) continue;
    const Entry* held = slots_.find(entry.index);
    if (held == nullptr || ballot_of(*held) < message.ballot) put(entry);
  }
  if (last >= message.slot) {
    send_after_persist({.type = MessageType::kAccepted,
                        .to = message.from,
                        .ballot = message.ballot,
                        .slot = message.slot,
                        .through = last,
                        .commit = ready_});
  }
  on_told(message.from, message.ballot, message.commit);
}

void Paxos::on_heartbeat(const Message& message) {
  if (!adopt(message)) return;
  const bool is_round = message.type == MessageType::kHeartbeat;
  if (is_round &&
      clock_.promise().give(message.ballot.term, message.round, message.lease_promise, now_))
    hard_state_changed_ = true;
  hear_master(message);  // after the lease promise, which moves the deadline
  on_told(message.from, message.ballot, message.commit);
  if (!is_round) return;
  // The reply says only "I know you as master of this ballot, and give the lease promise". It waits
  // for the disk only if ballot or longest lease promise are still on their way there.
  Message reply{.type = MessageType::kHeartbeatReply,
                .to = message.from,
                .ballot = message.ballot,
                .commit = ready_,
                .round = message.round};
  promise_is_durable() ? send(std::move(reply)) : send_after_persist(std::move(reply));
}

}  // namespace polis::paxos
