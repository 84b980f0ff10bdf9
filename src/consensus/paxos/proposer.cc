// The proposer: phase 1. One prepare stands for all slots (Live 4.2). An acceptor that promises
// tells what it has accepted, part by part, and how far everything is chosen, as it knows. The
// proposer learns that far before it becomes master.

#include <algorithm>

#include "base/check.hh"
#include "consensus/paxos/paxos.hh"

namespace polis::paxos {
namespace {

// A candidate that needs a snapshot first is helped only after it has lost this many polls in a
// row.
constexpr std::uint64_t kPollsInVainMax = 5;

}  // namespace

void Paxos::on_peer_lost(ReplicaId peer, Instant now) {
  now_ = now;
  if (is_master() || peer != master_ || !may_lead()) return;
  const auto& voters = configuration_.voters;
  clock_.hurry(now_, std::count_if(voters.begin(), voters.end(),
                                   [&](ReplicaId id) { return id != peer && id < options_.id; }));
}

// Raft thesis 9.6: the poll comes first, so that a replica that cannot win does not disturb a
// master with a higher ballot.
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
          .polls_in_vain = polls_in_vain_});
  }
  ++polls_in_vain_;
  on_poll_reply({.type = MessageType::kPollReply, .from = options_.id, .ballot = ballot_});
}

void Paxos::on_poll(const Message& message) {
  // A candidate that needs a snapshot first would be slow to become master; this replica can stand
  // itself. But after enough polls it is helped: it may be the only one that can be elected, and
  // the others may lack the configuration that says so.
  const bool needs_snapshot = message.slot < slots_.first();
  const bool granted =
      message.ballot > promised_ && (!needs_snapshot || message.polls_in_vain >= kPollsInVainMax);
  if (!may_help(message)) return;
  send_after_persist({.type = MessageType::kPollReply,
                      .to = message.from,
                      .ballot = message.ballot,
                      .reject = !granted,
                      .promised_term = promised_.term});
}

void Paxos::on_poll_reply(const Message& message) {
  if (role_ != Role::kPreCandidate || message.ballot != ballot_) return;
  seen_ = std::max(seen_, message.promised_term);
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

// Raft thesis 3.10: the master asks for this, so no poll is needed.
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

// Like anyone else's, the own promise counts when it is durable. Otherwise a replica that needs no
// other could forget its promise in a crash and use the ballot again.
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
  // For slots that this master has proposed itself, it needs no reports any more.
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

// Of every set of voters that counts, a quorum has promised and has reported all.
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

// Simple 2.2, phase 2a: proposes for each slot the value of the highest ballot that the acceptors
// have reported. A slot without a report has no chosen value, and gets a no-op (Simple 3).
void Paxos::propose_again() {
  LogIndex last = std::max(opened_, slots_.last());
  if (!found_.empty()) last = std::max(last, found_.rbegin()->first);
  if (last > opened_) waiting_.clear();  // their slots are taken; their origins send them again
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
