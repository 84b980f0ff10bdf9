#pragma once

// What tells states of Multi-Paxos apart, for the explorer (testing/digest.hh). Fields that only
// changes of members, snapshots and hand-overs can change are left out: the explorer makes none.

#include "consensus/paxos/testing/kind.hh"
#include "consensus/testing/digest.hh"

namespace polis::consensus::testing {

template <>
struct Inspector<paxos::Paxos> {
  static void put(Digest& out, const paxos::Paxos& paxos, Instant now) {
    ballot(out, paxos.promised_);
    out.flag(paxos.promise_is_durable());
    out.number(static_cast<std::uint64_t>(paxos.role_));
    out.replica(paxos.master_);
    for (LogIndex index : {paxos.commit_, paxos.ready_, paxos.handed_out_, paxos.told_})
      out.index(index);
    put_slots(out, paxos);
    ballot(out, paxos.told_by_);
    out.replica(paxos.teacher_);
    out.time(paxos.ask_at_);
    out.number(paxos.seen_.value);
    // The end of the election timer is left out: the explorer lets timers fire only after the
    // longest timeout.
    out.flag(paxos.clock_.heard_recently(now));
    out.time(paxos.clock_.promise().until());
    if (paxos.role_ == Role::kFollower || paxos.role_ == Role::kLearner) return;
    ballot(out, paxos.ballot_);
    out.by_replica(paxos.polls_, [](Digest& d, bool granted) { d.flag(granted); });
    out.by_replica(paxos.promises_, [](Digest& d, const auto& promised) {
      d.index(promised.next);
      d.flag(promised.complete);
    });
    out.number(paxos.found_.size());
    for (auto& [slot, entry] : paxos.found_) out.entry(entry);
    out.index(paxos.chosen_elsewhere_);
    out.time(paxos.promises_due_);
    if (paxos.role_ != Role::kMaster) return;
    out.by_replica(paxos.peers_,
                   [&](Digest& d, const paxos::Peer& peer) { put_peer(d, peer, paxos); });
    for (LogIndex index : {paxos.opened_, paxos.drained_, paxos.barrier_}) out.index(index);
    out.entries(paxos.waiting_);
    out.time(paxos.heartbeat_due_);
    out.time(paxos.quorum_check_due_);
    Inspector<ReadRounds>::put(out, paxos.rounds_);
  }

  static void put(Digest& out, const paxos::Message& m) {
    out.number(static_cast<std::uint64_t>(m.type));
    out.replica(m.from);
    out.replica(m.to);
    ballot(out, m.ballot);
    for (std::uint64_t value :
         {m.slot.value, m.through.value, m.commit.value, m.round, m.polls_in_vain,
          m.promised_term.value, m.read.value, std::uint64_t{m.reject}, std::uint64_t{m.more}})
      out.number(value);
    out.entries(m.entries);
  }

  static void ballot(Digest& out, const paxos::Ballot& ballot) {
    out.number(ballot.term.value);
    out.replica(ballot.replica);
  }

 private:
  static void put_slots(Digest& out, const paxos::Paxos& paxos) {
    const paxos::Slots& slots = paxos.slots_;
    for (LogIndex slot = slots.first(); slot <= slots.last(); slot = slot.next()) {
      out.flag(slots.holds(slot));
      if (!slots.holds(slot)) continue;
      out.entry(slots.at(slot));
      out.flag(paxos.is_durable(slot));
      out.flag(slots.ticket(slot) < paxos.hard_state_ticket_);
    }
  }

  static void put_peer(Digest& out, const paxos::Peer& peer, const paxos::Paxos& paxos) {
    for (LogIndex index : {peer.learned, peer.next, peer.commit_sent, peer.commit_at_heartbeat})
      out.index(index);
    for (LogIndex slot = paxos.slots_.first(); slot <= paxos.slots_.last(); slot = slot.next())
      out.flag(peer.accepted.has(slot));
    out.time(peer.heard);
    out.number(peer.round);
    out.flag(peer.caught_up);
    out.number(peer.in_flight.size());
    for (const auto& item : peer.in_flight) {
      out.index(item.first);
      out.index(item.last);
      out.time(item.sent);
      out.number(static_cast<std::uint64_t>(item.passed));
      out.number(static_cast<std::uint64_t>(item.tries));
    }
    out.number(static_cast<std::uint64_t>(peer.round_trip.count()));
  }
};

template <>
struct Inspector<paxos::testing::Checker> {
  static void put(Digest& out, const paxos::testing::Checker& checker) {
    for (const paxos::Ballot& master : checker.masters_)
      Inspector<paxos::Paxos>::ballot(out, master);
    for (auto& [where, text] : checker.proposed_) {
      out.index(where.first);
      Inspector<paxos::Paxos>::ballot(out, where.second);
      out.text(text);
    }
  }
};

}  // namespace polis::consensus::testing
