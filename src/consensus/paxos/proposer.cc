// The proposer: phase 1. One prepare stands for all slots (Live 4.2); whoever promises tells what
// it has accepted, part by part, and how far it knows everything to be chosen. Before the proposer
// becomes master it learns that far.

#include <algorithm>

#include "base/check.hh"
#include "consensus/paxos/paxos.hh"

namespace polis::paxos {
namespace {

// Who has asked so often in a row is helped although it will have to be sent a snapshot.
constexpr std::uint64_t kPollsInVainMax = 5;

}  // namespace

void Paxos::on_peer_lost(ReplicaId peer, Instant now) {
  now_ = now;
  if (is_master() || peer != master_ || !may_lead()) return;
  const auto& voters = configuration_.voters;
  clock_.hurry(now_, std::count_if(voters.begin(), voters.end(),
                                   [&](ReplicaId id) { return id != peer && id < options_.id; }));
}

// Raft thesis 9.6: asks first, so that who cannot win does not disturb a master with a higher
// ballot.
void Paxos::stand(bool poll) {
  CHECK(!is_master());
  CHECK(!clock_.promise().stands(now_));
  const Ballot ballot{std::max(promised_.term, seen_).next(), options_.id};
  if (!poll) return prepare(ballot, nullptr);
  become_follower(consensus::kNoReplica);
  role_ = Role::kPreCandidate;
  ballot_ = ballot;
  clock_.restart(now_);
  for (ReplicaId id : other_voters()) {
    send({.type = MessageType::kPoll,
          .to = id,
          .ballot = ballot_,
          .slot = commit_.next(),
          .round = polls_in_vain_});
  }
  ++polls_in_vain_;
  on_poll_reply({.type = MessageType::kPollReply, .from = options_.id, .ballot = ballot_});
}

void Paxos::on_poll(const Message& message) {
  // Whoever would need a snapshot first is no help to anyone now; this one will stand itself.
  // Unless nobody else can be elected: those who could may lack the configuration that says so.
  const bool needs_snapshot = message.slot < slots_.first();
  const bool granted =
      message.ballot > promised_ && (!needs_snapshot || message.round >= kPollsInVainMax);
  if (!may_help(message)) return;
  send_after_persist({.type = MessageType::kPollReply,
                      .to = message.from,
                      .ballot = message.ballot,
                      .reject = !granted,
                      .round = promised_.term.value});
}

void Paxos::on_poll_reply(const Message& message) {
  if (role_ != Role::kPreCandidate || message.ballot != ballot_) return;
  seen_ = std::max(seen_, Term(message.round));
  polls_.emplace(message.from, !message.reject);
  const Verdict verdict = vote(Phase::kElect, [this](ReplicaId id) {
    auto found = polls_.find(id);
    return found == polls_.end() ? 0 : found->second ? 1 : -1;
  });
  if (verdict == Verdict::kWon) {
    prepare(ballot_, nullptr);
  } else if (verdict == Verdict::kLost) {
    become_follower(consensus::kNoReplica);
  }
}

// Raft thesis 3.10: the master asks for this; there is no need for a poll.
void Paxos::on_stand(const Message& message) {
  if (role_ != Role::kFollower || message.from != master_ || message.ballot != promised_) return;
  if (!may_lead()) return;
  const auto& promise = clock_.promise();
  if (promise.stands(now_) && !promise.yields_to(message.ballot.term, message.round, now_)) return;
  prepare({message.ballot.term.next(), options_.id}, &message);
}

// Simple 2.2, phase 1a. A ballot is used once: it is durable before anyone hears of it.
void Paxos::prepare(Ballot ballot, const Message* hand_over) {
  become_follower(consensus::kNoReplica);
  role_ = Role::kCandidate;
  ballot_ = ballot;
  promise(ballot);
  if (hand_over != nullptr) hand_over_ = *hand_over;
  chosen_elsewhere_ = {};
  clock_.restart(now_);
  ask_for_promises();
}

void Paxos::ask_for_promises() {
  promises_due_ = now_ + options_.election_timeout_min / 2;
  for (ReplicaId id : other_voters()) {
    if (!promises_[id].complete) send_prepare(id, std::max(promises_[id].next, commit_.next()));
  }
}

void Paxos::send_prepare(ReplicaId to, LogIndex from) {
  promises_[to].next = from;
  Message message{.type = MessageType::kPrepare, .to = to, .ballot = ballot_, .slot = from};
  if (hand_over_) {
    message.predecessor = hand_over_->ballot;
    message.round = hand_over_->round;
  }
  send_after_persist(std::move(message));
}

// Like anyone else's, it counts when it is durable: who needs no other could forget it in a crash
// and use the ballot again.
void Paxos::maybe_count_own_promise() {
  if (!is_candidate() || promises_[options_.id].complete || !promise_is_durable()) return;
  promises_[options_.id].complete = true;
  maybe_become_master();
}

// Simple 2.2, phase 1b, as the proposer hears it.
void Paxos::on_promise(const Message& message) {
  if (message.ballot != ballot_ || !(is_candidate() || is_master())) return;
  Promised& promised = promises_[message.from];
  if (promised.complete || message.slot != promised.next) return;
  clock_.restart(now_);
  // What the master has proposed itself needs nothing from others any more.
  const LogIndex known = is_master() ? opened_ : commit_;
  for (const Entry& entry : message.entries) {
    if (entry.index <= known) continue;
    Entry& newest = found_[entry.index];
    if (newest.index == LogIndex() || ballot_of(newest) < ballot_of(entry)) newest = entry;
  }
  promised.next = message.through.next();
  promised.complete = !message.more;
  if (message.more) send_prepare(message.from, promised.next);
  const auto before = voting_;
  recount_voting();
  if (before != voting_) ask_for_promises();
  if (is_master()) {
    if (!found_.empty() && has_promises()) propose_again();
    return;
  }
  if (message.commit > chosen_elsewhere_) chosen_elsewhere_ = message.commit;
  if (message.commit > commit_) on_told(message.from, kNobodysBallot, message.commit);
  maybe_become_master();
}

void Paxos::on_reject(const Message& message) {
  if (role_ == Role::kFollower || role_ == Role::kLearner || message.ballot <= ballot_) return;
  become_follower(consensus::kNoReplica);
}

// From every set of voters that may have chosen something, or be about to.
bool Paxos::has_promises() const {
  return vote(Phase::kElect, [this](ReplicaId id) {
           auto found = promises_.find(id);
           return found != promises_.end() && found->second.complete ? 1 : 0;
         }) == Verdict::kWon;
}

void Paxos::maybe_become_master() {
  if (is_candidate() && commit_ >= chosen_elsewhere_ && has_promises()) become_master();
}

void Paxos::become_master() {
  role_ = Role::kMaster;
  master_ = options_.id;
  polls_in_vain_ = 0;
  hand_over_.reset();
  arriving_.reset();
  ask_at_ = Instant::max();
  peers_.clear();
  opened_ = barrier_ = commit_;
  transfer_target_ = consensus::kNoReplica;
  quorum_check_due_ = now_ + options_.election_timeout_max;
  heartbeat_due_ = now_;  // the first round brings the lease
  rounds_.begin();
  for (ReplicaId id : configuration_.everyone()) {
    if (id != options_.id) peers_[id] = {.next = commit_.next(), .heard = now_};
  }
  propose_again();
}

// Simple 2.2, phase 2a: of each slot the newest value that any of those who promised has accepted;
// where there is none, nothing was chosen, and nothing is what is proposed (Simple 3).
void Paxos::propose_again() {
  LogIndex last = std::max(opened_, slots_.last());
  if (!found_.empty()) last = std::max(last, found_.rbegin()->first);
  if (last > opened_) waiting_.clear();  // their places are taken; whoever waits asks again
  while (opened_ < last) {
    const LogIndex slot = opened_.next();
    Entry value{{}, slot, consensus::EntryKind::kNoop, nullptr};
    if (const Entry* own = slots_.find(slot)) value = *own;
    auto found = found_.find(slot);
    if (found != found_.end() && ballot_of(found->second) > ballot_of(value)) value = found->second;
    open(std::move(value));
  }
  found_.clear();
  recount_voting();
  barrier_ = std::max(barrier_, opened_);
}

}  // namespace polis::paxos
