#pragma once

// Multi-Paxos, as a pure object: messages, time and proposals in, one output struct out. It sits
// behind consensus/'s contract through PaxosLog (paxos_log.hh), which only adds the bytes.
//
// The roles of the papers, one file each; every replica plays all of them:
//   acceptor.cc  promises and accepts, and has both on disk before it answers
//   proposer.cc  phase 1: one prepare for all slots, and what has to be proposed again
//   master.cc    phase 2, pipelined; what a master does while it is one
//   learner.cc   finds out what is chosen: the master tells it; it asks for what it lacks
//   membership.cc who takes part: joint configurations as values of the log
//
// Words that could mean two things, and what they mean here:
//   promise       an acceptor's answer to a prepare. A *lease promise* (lease.hh) is another thing:
//                 to elect nobody else for a while.
//   learner       the role of learner.cc. A *member that is a learner* is one without a vote.
//   round         the number of a heartbeat (read_rounds.hh). A ballot has a term and a replica.
//
// Slots are accepted and chosen in any order and applied in order. So a lost message holds up its
// own slot; later slots are chosen meanwhile and only wait to be applied. Any replica may become
// master, however old its log: it learns what it lacks from the replicas that promise. Source:
// "Paxos Made Simple" (Lamport 2001), "Paxos Made Live" (2007); leases, rounds, polls and hand-over
// as in consensus/raft/ (Raft thesis 3.10, 4.2.3, 6.4, 9.6). ARCHITECTURE.md has the proof for
// changes of members.
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
  ReplicaId master_ = consensus::kNoReplica;  // whom this replica takes for the master
  RoleState announced_;                       // the role that the last output told

  // Acceptor. Durable before any message that depends on it is sent.
  Ballot promised_;                  // no proposal of a lower ballot is accepted
  bool hard_state_changed_ = false;  // since the last output
  Slots slots_;                      // what was accepted, and the log of what is chosen
  std::size_t open_bytes_ = 0;       // of the slots behind commit_

  // Learner. handed_out_ <= ready_ <= commit_.
  LogIndex commit_;      // every slot through here is chosen, and held here; only grows
  LogIndex ready_;       // every slot through here is chosen, and durable here
  LogIndex handed_out_;  // every slot through here was given to the state machine
  // The furthest commit index that anyone has told, and the ballot of the message that told it.
  // Every slot through told_ was chosen under told_by_ or a lower ballot, so what this replica has
  // accepted under told_by_ or a higher one is what was chosen. kNobodysBallot: accepted values say
  // nothing; the chosen ones have to be asked for.
  LogIndex told_;
  Ballot told_by_;
  ReplicaId teacher_ = consensus::kNoReplica;  // the replica to ask for what is chosen
  Instant ask_at_ = Instant::max();            // when to ask it; max: there is nothing to ask
  // The snapshot that arrives in parts.
  std::optional<SnapshotMark> arriving_;
  std::uint64_t arriving_size_ = 0;
  std::uint64_t arriving_offset_ = 0;      // bytes of it that are written
  bool arriving_chunk_under_way_ = false;  // a part was asked for and is not written yet
  // The snapshot that this replica can send.
  std::optional<SnapshotMark> snapshot_;
  std::uint64_t snapshot_size_ = 0;
  Instant snapshot_asked_{};  // when the driver was last asked to make one

  // On the way to the disk.
  Ticket next_ticket_{1};          // of the next output that has something to persist
  Ticket durable_ticket_{0};       // everything of outputs through this one is durable
  Ticket hard_state_ticket_{0};    // of the newest output that had a hard state
  std::vector<LogIndex> unsaved_;  // slots that were put since the last output

  // Members. All sets of voters in `voting_` have to agree to whatever is decided (membership.cc).
  Configuration configuration_;                            // the newest that is chosen
  LogIndex configuration_slot_;                            // its slot
  bool configuration_changed_ = true;                      // since the last output
  std::map<LogIndex, Configuration> configurations_held_;  // accepted, not known to be chosen
  std::vector<Configuration> voting_;

  // Proposer, while it stands with `ballot_`.
  struct Promised {
    LogIndex next;          // the first slot that this acceptor has not reported yet
    bool complete = false;  // it has reported all
  };
  Ballot ballot_;                     // the newest own one
  Term seen_;                         // the highest term of all ballots that were heard of
  std::optional<Message> hand_over_;  // the kStand that this ballot follows, if one did
  std::map<ReplicaId, bool> polls_;   // answers to the poll: would it promise?
  std::uint64_t polls_in_vain_ = 0;   // polls that were lost since a master was last heard
  std::map<ReplicaId, Promised> promises_;
  std::map<LogIndex, Entry> found_;  // for each slot the accepted value of the highest ballot
  LogIndex chosen_elsewhere_;        // the highest commit index that a promise reported
  Instant promises_due_{};           // when acceptors that have not answered are asked again

  // Master.
  std::map<ReplicaId, Peer> peers_;
  LogIndex opened_;  // the last slot for which a value was proposed under this ballot
  // Commands that have a slot and are not proposed yet: first a change of members has to be
  // proposed, or voters that it added have to promise.
  std::deque<Entry> waiting_;
  std::optional<Configuration> configuration_waiting_;  // the change that is proposed before them
  LogIndex drained_;  // the commit index for which a heartbeat last asked who knows all before it
  LogIndex barrier_;  // earlier masters may have chosen values through here; reads wait for them
  Instant heartbeat_due_{};
  Instant quorum_check_due_{};
  ReplicaId transfer_target_ = consensus::kNoReplica;  // of the hand-over that is under way
  Instant transfer_deadline_{};
  consensus::ReadRounds rounds_;

  Output output_;
};

}  // namespace polis::paxos
