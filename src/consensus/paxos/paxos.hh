#pragma once

// Multi-Paxos, as a pure object: messages, time and proposals in, one output struct out. It sits
// behind consensus/'s contract through PaxosLog (paxos_log.hh), which only adds the bytes.
//
// The roles of the papers, one file each; every replica plays all of them:
//   acceptor.cc  promises and accepts, and has both on disk before it answers
//   proposer.cc  phase 1: one prepare for all slots, and what has to be proposed again
//   master.cc    phase 2, pipelined; what a master does while it is one
//   learner.cc   what is chosen: told by the master, asked for where that is not enough
//   membership.cc who takes part: joint configurations as values of the log
//
// A slot is accepted and chosen in any order and applied in order, so a lost message holds up its
// own slot and nothing behind it but the applying. Any replica may become master, however old its
// log: what it lacks it learns from those who promise. Source: "Paxos Made Simple" (Lamport 2001),
// "Paxos Made Live" (2007); leases, rounds, polls and transfer as in consensus/raft/ (Raft thesis
// 3.10, 4.2.3, 6.4, 9.6). ARCHITECTURE.md has the proof for changes of who takes part.
//
// Threads: one at a time.
// Life: construct -> step / tick / propose / read / on_persisted ... -> take_output after each
// batch of inputs.

#include <map>
#include <set>

#include "consensus/election_clock.hh"
#include "consensus/encoded_log.hh"
#include "consensus/paxos/message.hh"
#include "consensus/paxos/peer.hh"
#include "consensus/paxos/slots.hh"
#include "consensus/quorum.hh"
#include "consensus/read_rounds.hh"

namespace polis::paxos {

using consensus::Configuration;
using consensus::HardState;
using consensus::Options;
using consensus::Phase;
using consensus::Role;
using consensus::RoleState;
using consensus::Verdict;

// What it decides, with messages not yet encoded.
using Output = consensus::OutputOf<Message>;

class Paxos {
 public:
  using Message = paxos::Message;

  Paxos(Options options, consensus::Restored restored, Instant now);

  // The functions of consensus::ReplicatedLog, which says what they mean.
  void step(Message message, Instant now);
  void tick(Instant now);
  Instant next_deadline() const;
  Result<LogIndex> propose(SharedBytes command, Instant now);
  void read(ReadId id, Instant now);
  Result<void> transfer(ReplicaId target, Instant now);
  Result<LogIndex> change(Configuration target, Instant now);
  void on_peer_lost(ReplicaId peer, Instant now);
  void on_persisted(Ticket ticket, Instant now);
  void compact(LogIndex index);
  void on_snapshot_available(const SnapshotMark& mark, std::uint64_t size, Instant now);
  void on_chunk_written(ReplicaId from, const SnapshotMark& mark, std::uint64_t offset,
                        Instant now);
  void on_snapshot_damaged(ReplicaId from, const SnapshotMark& mark, Instant now);
  bool wants_snapshot(const SnapshotMark& mark) const;
  void on_snapshot_installed(ReplicaId from, const SnapshotMark& mark, Instant now);
  Output take_output();
  consensus::Status status() const;

  // For invariant checkers.
  const Slots& slots() const { return slots_; }
  LogIndex commit() const { return commit_; }
  Ballot promised() const { return promised_; }
  Role role() const { return role_; }
  const Configuration& configuration() const { return configuration_; }

 private:
  template <class>
  friend struct consensus::testing::Inspector;

  // --- paxos.cc: roles, output
  void send(Message message);                // stamps from; goes out at once
  void send_after_persist(Message message);  // stamps from; waits for the disk
  void become_follower(ReplicaId master);
  bool is_master() const { return role_ == Role::kMaster; }
  bool is_candidate() const { return role_ == Role::kCandidate; }
  bool is_durable(LogIndex slot) const;
  bool promise_is_durable() const;
  void advance_ready();

  // --- acceptor.cc
  void put(Entry entry);
  bool adopt(const Message& message);  // false: the message is to be dropped
  void promise(Ballot ballot);
  void on_prepare(const Message& message);
  void on_accept(const Message& message);
  void on_heartbeat(const Message& message);
  void hear_master(const Message& message);
  bool may_help(const Message& prepare) const;

  // --- proposer.cc
  void stand(bool poll);
  void prepare(Ballot ballot, const Message* hand_over);
  void send_prepare(ReplicaId to, LogIndex from);
  void ask_for_promises();
  void maybe_count_own_promise();
  void on_poll(const Message& message);
  void on_poll_reply(const Message& message);
  void on_promise(const Message& message);
  void on_reject(const Message& message);
  void on_stand(const Message& message);
  bool has_promises() const;
  void maybe_become_master();
  void become_master();
  void propose_again();

  // --- master.cc
  void open(Entry entry);
  void open_waiting();
  void feed(ReplicaId to, Peer& peer);
  void send_accept(ReplicaId to, Peer& peer, LogIndex first);
  void send_again(Peer& peer, ReplicaId to, InFlight& item);
  Instant answer_due(const Peer& peer, const InFlight& item) const;
  Instant first_answer_due() const;
  void send_lost(ReplicaId to, Peer& peer);
  void send_commit(ReplicaId to, Peer& peer);
  void broadcast_heartbeat();
  void on_accepted(const Message& message);
  void on_heartbeat_reply(const Message& message);
  Peer* answering_peer(const Message& message);
  void maybe_commit();
  void maybe_step_down_without_quorum();
  void maybe_finish_transfer();
  // Reads: who asks whom, and when.
  bool may_serve_reads() const { return commit_ >= barrier_; }
  void request_read(ReadId id, ReplicaId origin);
  void flush_waiting_reads();
  void maybe_confirm_round();
  void answer_read(ReadId id, ReplicaId origin, LogIndex index);
  void refuse_read(ReadId id, ReplicaId origin);
  void on_read_index(const Message& message);
  void on_read_index_reply(const Message& message);

  // --- learner.cc
  void choose_next();  // commit_ + 1, which is held, is chosen
  void on_told(ReplicaId by, Ballot ballot, LogIndex commit);
  void ask(Instant at);
  void ask_now();
  void on_learn(const Message& message);
  void on_chosen(Message message);
  void on_snapshot_ask(const Message& message);
  void on_snapshot_chunk(Message message);
  void send_chunk(ReplicaId to, std::uint64_t offset);
  void ask_for_chunk(ReplicaId from, const SnapshotMark& mark, std::uint64_t offset, bool damaged);

  // --- membership.cc
  void note_configuration(const Entry& entry);
  void enter_configuration(LogIndex slot);
  void recount_voting();
  Verdict vote(Phase phase, const std::function<int(ReplicaId)>& answer) const;
  std::uint64_t reached(const std::function<std::uint64_t(ReplicaId)>& by) const;
  std::set<ReplicaId> other_voters() const;  // those that count, but for this one
  Configuration reachable() const;  // the chosen one, with the addresses of all others that count
  bool is_voting(ReplicaId id) const;
  bool may_lead() const;
  Result<void> may_change_to(const Configuration& target) const;
  bool change_is_under_way() const;
  void maybe_open_configuration();
  void maybe_finish_change();
  void maybe_leave();
  void maybe_promote_learner();

  Options options_;
  consensus::ElectionClock clock_;
  Instant now_;
  Role role_ = Role::kFollower;
  ReplicaId master_ = consensus::kNoReplica;
  RoleState announced_;  // as it was last handed out

  // Acceptor. Durable before anything that depends on it leaves this replica.
  Ballot promised_;
  bool hard_state_changed_ = false;
  Slots slots_;
  std::size_t open_bytes_ = 0;  // of slots behind commit_

  // Learner.
  LogIndex commit_;      // everything through here is chosen, and held; only grows
  LogIndex ready_;       // and durable
  LogIndex handed_out_;  // given to the state machine; <= ready_
  // What the newest word on it says is chosen, and the ballot whose master said so.
  LogIndex told_;
  Ballot told_by_;
  ReplicaId teacher_ = consensus::kNoReplica;  // who can be asked for it
  Instant ask_at_ = Instant::max();
  // The arriving snapshot, and what is written of it.
  std::optional<SnapshotMark> arriving_;
  std::uint64_t arriving_size_ = 0;
  std::uint64_t arriving_offset_ = 0;
  bool arriving_chunk_under_way_ = false;
  // The one that others can be sent.
  std::optional<SnapshotMark> snapshot_;
  std::uint64_t snapshot_size_ = 0;
  Instant snapshot_asked_{};  // when the driver was last asked to make one

  // Under way to the disk.
  Ticket next_ticket_{1};
  Ticket durable_ticket_{0};
  Ticket hard_state_ticket_{0};
  std::vector<LogIndex> unsaved_;  // put since the last output

  // Who takes part. The chosen one, and where it stands; those that are held and not known to be
  // chosen; and the sets of voters all of which have to agree (membership.cc).
  Configuration configuration_;
  LogIndex configuration_slot_;
  bool configuration_changed_ = true;  // since the last output
  std::map<LogIndex, Configuration> configurations_held_;
  std::vector<Configuration> voting_;

  // Proposer: of the own ballot.
  struct Promised {
    LogIndex next;  // the first slot of which it has not told
    bool complete = false;
  };
  Ballot ballot_;
  Term seen_;                         // the highest round that anyone was heard of
  std::optional<Message> hand_over_;  // the master asked for this ballot
  std::map<ReplicaId, bool> polls_;
  std::uint64_t polls_in_vain_ = 0;  // since a master was last heard
  std::map<ReplicaId, Promised> promises_;
  std::map<LogIndex, Entry> found_;  // the newest of each slot that those who promised told of
  LogIndex chosen_elsewhere_;        // the furthest that any of them knows
  Instant promises_due_{};

  // Master.
  std::map<ReplicaId, Peer> peers_;
  LogIndex opened_;            // the last slot that was proposed under this ballot
  std::deque<Entry> waiting_;  // for room, or for a configuration before them
  std::optional<Configuration> configuration_waiting_;
  LogIndex drained_;  // where a round was last sent to hear who knows everything before it
  LogIndex barrier_;  // what may have been chosen before: reads wait until it is
  Instant heartbeat_due_{};
  Instant quorum_check_due_{};
  ReplicaId transfer_target_ = consensus::kNoReplica;
  Instant transfer_deadline_{};
  consensus::ReadRounds rounds_;

  Output output_;
};

}  // namespace polis::paxos
