#pragma once

// Multi-Paxos, as a pure object: messages, time and proposals in, one output struct out. It sits
// behind consensus/'s contract through PaxosLog (paxos_log.hh), which only adds the bytes.
//
// How it works. A *slot* is a place of the log. A replica that wants to be master takes a new
// *ballot* and asks all voters to *promise* it (phase 1, one prepare for all slots). Each of them
// tells what it has accepted. With promises of a quorum the replica is master: it proposes the
// accepted values again, and then new ones (phase 2). A value that a quorum has accepted under one
// ballot is *chosen*. Slots are accepted and chosen in any order, and applied in order. So a lost
// message holds up its own slot alone. Any replica may become master, however old its log is: it
// learns what it lacks from the replicas that promise.
//
// One file for each of the papers' roles; every replica plays all of them:
//   acceptor.cc    promises and accepts; both are on disk before it answers
//   proposer.cc    phase 1, and what has to be proposed again
//   master.cc      phase 2, pipelined; rounds, reads, hand-overs: what a master does
//   learner.cc     learning, which means finding out what is chosen: the master tells how far, and
//                  the replica asks for what it lacks
//   membership.cc  who takes part: joint configurations as values of the log
//
// Each word means one thing:
//   promise        an acceptor's answer to a prepare: it accepts nothing of a lower ballot any more
//   lease promise  what a replica gives to a master with its answer to a round: it helps to elect
//                  nobody else for a while (lease.hh)
//   round          a numbered heartbeat (read_rounds.hh)
//   ballot         (term, replica)
//   learner        a member without a vote. The papers' role of that name is called learning here
//
// Source: "Paxos Made Simple" (Lamport 2001), "Paxos Made Live" (2007). Leases, rounds, polls and
// hand-overs are those of consensus/raft/ (Raft thesis 3.10, 4.2.3, 6.4, 9.6).
// docs/decisions/paxos-membership.md has the proof for changes of members.
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

// The output, with messages that are not encoded yet.
using Output = consensus::OutputOf<Message>;

class Paxos {
 public:
  using Message = paxos::Message;

  // Precondition: options.validate() has no error.
  Paxos(Options options, consensus::Restored restored, Instant now);

  // These are the functions of consensus::ReplicatedLog; its header says what each of them does.
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
  void become_follower(ReplicaId master);    // or a learner; kNoReplica: no master is known
  bool is_master() const { return role_ == Role::kMaster; }
  bool is_candidate() const { return role_ == Role::kCandidate; }
  bool is_durable(LogIndex slot) const;
  bool promise_is_durable() const;
  void advance_ready();  // ready_ follows commit_ as far as slots are durable

  // --- acceptor.cc
  void put(Entry entry);               // into its slot, and on the way to the disk
  bool adopt(const Message& message);  // promises a higher ballot; false: drop the message
  void promise(Ballot ballot);
  void on_prepare(const Message& message);
  void on_accept(const Message& message);
  void on_heartbeat(const Message& message);
  void hear_master(const Message& message);
  bool may_help(const Message& prepare) const;  // no master and no lease promise forbids it

  // --- proposer.cc
  void stand(bool poll);  // tries to become master; `poll`: asks first whether it would succeed
  // Begins phase 1. `hand_over`: the kStand that asked for it; null: an election of its own.
  void prepare(Ballot ballot, const Message* hand_over);
  void send_prepare(ReplicaId to, LogIndex from);
  void ask_for_promises();  // again, from those that have not reported all
  void maybe_count_own_promise();
  void on_poll(const Message& message);
  void on_poll_reply(const Message& message);
  void on_promise(const Message& message);
  void on_reject(const Message& message);
  void on_stand(const Message& message);
  bool has_promises() const;  // complete ones, of a quorum
  void maybe_become_master();
  void become_master();
  void propose_again();  // what the promises reported, under ballot_; gaps become no-ops

  // --- master.cc
  void open(Entry entry);               // proposes the value for slot opened_ + 1
  void open_waiting();                  // proposes what waits, if nothing forbids it any more
  void feed(ReplicaId to, Peer& peer);  // sends slots that were never sent, within the bounds
  void send_accept(ReplicaId to, Peer& peer, LogIndex first);
  void send_again(Peer& peer, ReplicaId to, InFlight& item);
  Instant answer_due(const Peer& peer, const InFlight& item) const;
  Instant first_answer_due() const;
  void send_lost(ReplicaId to, Peer& peer);  // again, what should have been answered by now
  void send_commit(ReplicaId to, Peer& peer);
  void broadcast_heartbeat();  // sends a round
  void on_accepted(const Message& message);
  void on_heartbeat_reply(const Message& message);
  Peer* answering_peer(const Message& message);  // null: not an answer to this mastership
  void maybe_commit();                           // raises commit_ over slots that a quorum accepted
  void maybe_step_down_without_quorum();
  void maybe_finish_transfer();
  // Reads: as in raft/read.cc.
  bool may_serve_reads() const { return commit_ >= barrier_; }
  void request_read(ReadId id, ReplicaId origin);
  void flush_waiting_reads();
  void maybe_confirm_round();
  void answer_read(ReadId id, ReplicaId origin, LogIndex index);
  void refuse_read(ReadId id, ReplicaId origin);
  void on_read_index(const Message& message);
  void on_read_index_reply(const Message& message);

  // --- learner.cc
  void choose_next();  // slot commit_ + 1, which is held, is chosen
  // `by` says that everything through `commit` was chosen under `ballot` or a lower one.
  void on_told(ReplicaId by, Ballot ballot, LogIndex commit);
  void ask(Instant at);  // the teacher, unless a question is planned already
  void ask_now();
  void on_learn(const Message& message);
  void on_chosen(Message message);
  void on_snapshot_ask(const Message& message);
  void on_snapshot_chunk(Message message);
  void send_chunk(ReplicaId to, std::uint64_t offset);
  void ask_for_chunk(ReplicaId from, const SnapshotMark& mark, std::uint64_t offset, bool damaged);

  // --- membership.cc
  void note_configuration(const Entry& entry);  // an accepted one counts from now on
  void enter_configuration(LogIndex slot);      // the one in this slot is chosen
  void recount_voting();                        // makes voting_ anew
  // As consensus::quorum_vote and quorum_reached, over all sets of voters that count.
  Verdict vote(Phase phase, const std::function<int(ReplicaId)>& answer) const;
  std::uint64_t reached(const std::function<std::uint64_t(ReplicaId)>& by) const;
  std::set<ReplicaId> other_voters() const;  // of all sets that count, without this replica
  Configuration reachable() const;  // configuration_, and the addresses of all voters that count
  bool is_voting(ReplicaId id) const;
  bool may_lead() const;  // this replica may try to become master
  Result<void> may_change_to(const Configuration& target) const;
  bool change_is_under_way() const;
  void maybe_open_configuration();  // proposes configuration_waiting_ when the rules allow it
  void maybe_finish_change();       // a chosen joint configuration is followed by its target
  void maybe_leave();               // a master that was removed hands over
  void maybe_promote_learner();

  Options options_;
  consensus::ElectionClock clock_;
  Instant now_;
  Role role_ = Role::kFollower;
  ReplicaId master_ = consensus::kNoReplica;  // the replica that is believed to be master
  RoleState announced_;                       // the role that the last output told

  // Accepting. What was promised and accepted is durable before any message that depends on it is
  // sent.
  Ballot promised_;                  // the highest one; no proposal of a lower ballot is accepted
  bool hard_state_changed_ = false;  // since the last output
  Slots slots_;                      // what was accepted, and the log of what is chosen
  std::size_t open_bytes_ = 0;       // payloads of the accepted slots behind commit_

  // Learning. handed_out_ <= ready_ <= commit_.
  LogIndex commit_;      // every slot through here is chosen, and its value is known; only grows
  LogIndex ready_;       // every slot through here is chosen, and durable here
  LogIndex handed_out_;  // every slot through here was given to the state machine
  // The furthest commit index that any replica has told, and the ballot of the message that told
  // it. Every slot through told_ was chosen under told_by_ or a lower ballot. So a value that this
  // replica has accepted under told_by_ or a higher ballot is the chosen one (Simple 2.2, P2c).
  // kNobodysBallot: the message had no ballot, so accepted values say nothing, and the chosen ones
  // have to be asked for.
  LogIndex told_;
  Ballot told_by_;
  ReplicaId teacher_ = consensus::kNoReplica;  // the replica to ask for what is chosen
  Instant ask_at_ = Instant::max();            // when to ask the teacher; max: nothing to ask
  // The snapshot that arrives in parts.
  std::optional<SnapshotMark> arriving_;
  std::uint64_t arriving_size_ = 0;        // bytes
  std::uint64_t arriving_offset_ = 0;      // bytes of it that are written
  bool arriving_chunk_under_way_ = false;  // a part was asked for and is not written yet
  // The snapshot that this replica can send.
  std::optional<SnapshotMark> snapshot_;
  std::uint64_t snapshot_size_ = 0;  // bytes
  Instant snapshot_asked_{};         // when the driver was last asked to make one

  // On the way to the disk.
  Ticket next_ticket_{1};          // of the next output that has something to persist
  Ticket durable_ticket_{0};       // everything of outputs through this one is durable
  Ticket hard_state_ticket_{0};    // of the newest output that had a hard state
  std::vector<LogIndex> unsaved_;  // slots that were put since the last output

  // Members.
  Configuration configuration_;        // the newest one that is chosen
  LogIndex configuration_slot_;        // its slot
  bool configuration_changed_ = true;  // since the last output
  // Accepted ones that are not known to be chosen, by slot.
  std::map<LogIndex, Configuration> configurations_held_;
  // The configurations that count now. Nothing is decided without a quorum of each (membership.cc).
  std::vector<Configuration> voting_;

  // Proposing: from a poll or a prepare on, also as master.
  struct Promised {
    LogIndex next;          // the first slot that this acceptor has not reported yet
    bool complete = false;  // it has reported all
  };
  Ballot ballot_;                           // the newest one of this replica's own
  Term seen_;                               // the highest term of all ballots that were heard of
  std::optional<Message> hand_over_;        // the kStand that led to ballot_; nullopt: none did
  std::map<ReplicaId, bool> polls_;         // the answers to the poll, by voter
  std::uint64_t polls_in_vain_ = 0;         // polls that were lost since a master was last heard
  std::map<ReplicaId, Promised> promises_;  // of ballot_, by acceptor
  // What the promises reported: for each slot, the accepted value of the highest ballot.
  std::map<LogIndex, Entry> found_;
  // The highest commit index that a promise reported. The replica learns that far before it becomes
  // master.
  LogIndex chosen_elsewhere_;
  Instant promises_due_{};  // when acceptors that have not reported all are asked again

  // Master only.
  std::map<ReplicaId, Peer> peers_;  // all members but this one, and those that just left
  LogIndex opened_;  // the last slot for which a value was proposed under this ballot
  // Commands that have been given a slot and are not proposed yet. They wait until a change of
  // members has been proposed, or until voters that such a change added have promised.
  std::deque<Entry> waiting_;
  std::optional<Configuration> configuration_waiting_;  // the change, proposed before waiting_
  // A configuration waits until enough replicas have learned everything that is chosen. To hear
  // which have, the master sends an extra round. This is the commit index at which it last did
  // (membership.cc).
  LogIndex drained_;
  LogIndex barrier_;  // earlier masters may have chosen values through here; reads wait for them
  Instant heartbeat_due_{};
  Instant quorum_check_due_{};
  ReplicaId transfer_target_ = consensus::kNoReplica;  // of the hand-over that is under way
  Instant transfer_deadline_{};                        // when the hand-over is given up
  consensus::ReadRounds rounds_;

  Output output_;
};

}  // namespace polis::paxos
