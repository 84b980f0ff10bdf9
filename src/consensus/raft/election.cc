// Elections: pre-vote, votes, check-quorum, the receiving end of a hand-over.

#include <algorithm>

#include "base/check.hh"
#include "consensus/quorum.hh"
#include "consensus/raft/raft.hh"

namespace polis::raft {

// A follower that hears that the leader is gone begins an election as soon as its lease promises
// allow it.
void Raft::on_peer_lost(ReplicaId peer, Instant now) {
  now_ = now;
  if (is_leader() || peer != leader_ || !may_lead()) return;
  const auto& voters = configuration_.voters;
  clock_.hurry(now_, std::count_if(voters.begin(), voters.end(),
                                   [&](ReplicaId id) { return id != peer && id < options_.id; }));
}

bool Raft::hears_leader() const {
  return is_leader() || (leader_ != consensus::kNoReplica && clock_.heard_recently(now_));
}

// Raft thesis 4.2.3: a replica that hears a leader does not help to replace it; 6.4.1: nor does one
// whose lease promise is in force. Both may be broken for an election that the leader itself asked
// for, unless the leader has given that hand-over up since.
bool Raft::may_help_elect(const Message& request) const {
  if (!request.transfer) return !hears_leader() && !clock_.promise().stands(now_);
  if (is_leader()) return !rounds_.holds_lease(now_);
  return !clock_.promise().stands(now_) ||
         clock_.promise().yields_to(request.term.previous(), request.round, now_);
}

void Raft::campaign(bool pre, std::optional<std::uint64_t> transfer_round) {
  CHECK(!is_leader());
  CHECK(transfer_round || !clock_.promise().stands(now_));
  leader_ = consensus::kNoReplica;
  votes_.clear();
  transfer_round_ = transfer_round;
  clock_.restart(now_);
  if (pre) {
    role_ = Role::kPreCandidate;
  } else {
    role_ = Role::kCandidate;
    term_ = term_.next();
    vote_ = options_.id;
    save_hard_state();
  }
  for (ReplicaId id : configuration_.everyone()) {
    if (id == options_.id || !configuration_.is_voter(id)) continue;
    Message message{.type = pre ? MessageType::kPreVote : MessageType::kVote,
                    .to = id,
                    .term = pre ? term_.next() : term_,
                    .index = log_.last_index(),
                    .log_term = log_.last_term(),
                    .transfer = transfer_round.has_value(),
                    .round = transfer_round.value_or(0)};
    // This replica's vote for itself must be durable before others can add theirs to it.
    if (pre) {
      send(std::move(message));
    } else {
      send_after_persist(std::move(message));
    }
  }
  // The own answer to a pre-vote counts at once; the own vote when it is durable
  // (maybe_count_own_vote).
  if (pre) on_vote_reply({.type = MessageType::kPreVoteReply, .from = options_.id, .term = term_});
}

// Without this a leader that nobody else has to vote for could forget its term in a crash and lead
// the same one again.
void Raft::maybe_count_own_vote() {
  if (role_ != Role::kCandidate || votes_.contains(options_.id) || !hard_state_is_durable()) return;
  on_vote_reply({.type = MessageType::kVoteReply, .from = options_.id, .term = term_});
}

void Raft::on_vote_request(const Message& message) {
  const bool pre = message.type == MessageType::kPreVote;
  // For newer terms adopt_term has asked this already. A pre-vote may also ask about the own term.
  if (!may_help_elect(message)) return;
  // Raft thesis 3.6.1: the election restriction.
  const bool up_to_date =
      message.log_term > log_.last_term() ||
      (message.log_term == log_.last_term() && message.index >= log_.last_index());
  const bool free_to_vote = pre ? message.term > term_
                                : vote_ == message.from || (vote_ == consensus::kNoReplica &&
                                                            leader_ == consensus::kNoReplica);
  if (up_to_date && free_to_vote) {
    if (!pre && vote_ != message.from) {
      vote_ = message.from;
      save_hard_state();
      clock_.restart(now_);
    }
    // A granted pre-vote names the term asked about: that is what the candidate compares.
    send_after_persist({.type = pre ? MessageType::kPreVoteReply : MessageType::kVoteReply,
                        .to = message.from,
                        .term = message.term});
    return;
  }
  send_after_persist({.type = pre ? MessageType::kPreVoteReply : MessageType::kVoteReply,
                      .to = message.from,
                      .reject = true});
}

void Raft::on_vote_reply(const Message& message) {
  const bool pre = message.type == MessageType::kPreVoteReply;
  if (role_ != (pre ? Role::kPreCandidate : Role::kCandidate)) return;
  // An answer to an earlier pre-vote says nothing about this one.
  if (pre && !message.reject && message.from != options_.id && message.term != term_.next()) return;
  votes_.emplace(message.from, !message.reject);
  auto verdict = consensus::quorum_vote(configuration_, Phase::kElect, [this](ReplicaId id) {
    auto found = votes_.find(id);
    return found == votes_.end() ? 0 : found->second ? 1 : -1;
  });
  if (verdict == consensus::Verdict::kWon) {
    pre ? campaign(false, transfer_round_) : become_leader();
  } else if (verdict == consensus::Verdict::kLost) {
    become_follower(term_, consensus::kNoReplica);
  }
}

// Raft thesis 6.2: a leader that no quorum hears stops being one, so that its clients go elsewhere.
void Raft::maybe_step_down_without_quorum() {
  quorum_check_due_ = now_ + options_.election_timeout_min;
  auto verdict = consensus::quorum_vote(configuration_, Phase::kCommit, [this](ReplicaId id) {
    if (id == options_.id) return 1;
    return now_ - peers_.at(id).heard < options_.election_timeout_max ? 1 : -1;
  });
  if (verdict != consensus::Verdict::kWon) become_follower(term_, consensus::kNoReplica);
}

// Raft thesis 3.10: the leader asks for an election now; there is no need to ask for pre-votes.
void Raft::on_timeout_now(const Message& message) {
  if (role_ != Role::kFollower || message.from != leader_) return;
  if (!may_lead()) return;
  if (clock_.promise().stands(now_) &&
      !clock_.promise().yields_to(message.term, message.round, now_))
    return;
  campaign(false, message.round);
}

}  // namespace polis::raft
