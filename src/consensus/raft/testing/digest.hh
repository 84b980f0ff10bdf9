#pragma once

// What tells states of Raft apart, for the explorer (testing/digest.hh). Fields that only changes
// of members, snapshots and hand-overs can change are left out: the explorer makes none.

#include "consensus/raft/testing/kind.hh"
#include "consensus/testing/digest.hh"

namespace polis::consensus::testing {

template <>
struct Inspector<raft::Raft> {
  static void put(Digest& out, const raft::Raft& raft, Instant now) {
    out.number(raft.term_.value);
    out.replica(raft.vote_);
    out.number(static_cast<std::uint64_t>(raft.role_));
    out.replica(raft.leader_);
    for (LogIndex index : {raft.persisted_, raft.commit_, raft.handed_out_, raft.output_from_})
      out.index(index);
    for (LogIndex i = raft.log_.first_index(); i <= raft.log_.last_index(); i = i.next())
      out.entry(raft.log_.at(i));
    out.flag(raft.hard_state_is_durable());
    out.number(raft.tickets_.size());
    for (auto& [ticket, index] : raft.tickets_) {
      out.index(index);
      out.flag(ticket < raft.hard_state_ticket_);
    }
    // The end of the election timer is left out: the explorer lets timers fire only after the
    // longest timeout.
    out.flag(raft.clock_.heard_recently(now));
    out.time(raft.clock_.promise().until());
    if (raft.role_ == Role::kCandidate || raft.role_ == Role::kPreCandidate)
      out.by_replica(raft.votes_, [](Digest& d, bool granted) { d.flag(granted); });
    if (raft.role_ != Role::kMaster) return;
    out.by_replica(raft.peers_, put_progress);
    out.time(raft.heartbeat_due_);
    out.time(raft.quorum_check_due_);
    out.index(raft.term_start_);
    Inspector<ReadRounds>::put(out, raft.rounds_);
  }

  static void put(Digest& out, const raft::Message& m) {
    out.number(static_cast<std::uint64_t>(m.type));
    out.replica(m.from);
    out.replica(m.to);
    for (std::uint64_t value : {m.term.value, m.index.value, m.log_term.value, m.commit.value,
                                m.round, m.read.value, std::uint64_t{m.reject}})
      out.number(value);
    out.entries(m.entries);
  }

 private:
  static void put_progress(Digest& out, const raft::Progress& progress) {
    for (LogIndex index : {progress.match, progress.next, progress.commit_sent,
                           progress.match_at_heartbeat, progress.last_at_heartbeat})
      out.index(index);
    out.number(static_cast<std::uint64_t>(progress.feed));
    out.flag(progress.probe_sent);
    out.flag(progress.gap_suspected);
    out.flag(progress.caught_up);
    out.time(progress.heard);
    out.number(progress.round);
    out.number(progress.window);
    out.number(progress.in_flight.size());
    for (const auto& item : progress.in_flight) out.index(item.last);
  }
};

template <>
struct Inspector<raft::testing::Checker> {
  static void put(Digest& out, const raft::testing::Checker& checker) {
    for (auto& [term, leader] : checker.leaders_) {
      out.number(term.value);
      out.replica(leader);
    }
  }
};

}  // namespace polis::consensus::testing
