#pragma once

// Raft, as a pure object: messages, time and proposals in, one output struct out. It sits behind
// consensus/'s contract through RaftLog (raft_log.hh), which only adds the bytes.
//
// Words: this folder says *leader* where all others say master, since it follows the thesis. A
// *round* is a numbered heartbeat (read_rounds.hh). A *lease promise* is given to a leader
// (lease.hh). A *learner* is a member without a vote.
//
// Source: Raft thesis. Elections 3.4 with pre-vote 9.6 and check-quorum 6.2; replication 3.5,
// pipelined 10.2.1, the leader's own write in parallel 10.2.1; commitment 3.6.2; membership 4;
// snapshots 5; read index 6.4 and the master lease 6.4.1 (consensus/lease.hh); hand-over
// (leadership transfer) 3.10.
// Departures: a committed entry is applied only when it is also durable here, so that the state
// machine never runs ahead of its own log. Snapshots travel in parts that the receiver asks for by
// offset, so that a lost connection costs one part.
//
// Threads: one at a time.
// Life: construct -> step / tick / propose / read / on_persisted ... -> take_output after each
// batch of inputs.

#include <map>
#include <unordered_map>

#include "consensus/election_clock.hh"
#include "consensus/encoded_log.hh"
#include "consensus/log.hh"
#include "consensus/quorum.hh"
#include "consensus/raft/message.hh"
#include "consensus/raft/progress.hh"
#include "consensus/read_rounds.hh"

namespace polis::raft {

using consensus::ChunkArrived;
using consensus::Configuration;
using consensus::HardState;
using consensus::Log;
using consensus::Options;
using consensus::Phase;
using consensus::ReadReady;
using consensus::Role;
using consensus::RoleState;
using consensus::Ticket;

// The output, with messages that are not encoded yet.
using Output = consensus::OutputOf<Message>;

class Raft {
 public:
  using Message = raft::Message;

  // Precondition: options.validate() has no error.
  Raft(Options options, consensus::Restored restored, Instant now);

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
  const Log& log() const { return log_; }
  LogIndex commit() const { return commit_; }
  Term term() const { return term_; }
  Role role() const { return role_; }
  const Configuration& configuration() const { return configuration_; }

 private:
  template <class>
  friend struct consensus::testing::Inspector;

  // --- raft.cc: terms, roles, output
  void become_follower(Term term, ReplicaId leader);
  void become_leader();
  void append_own(consensus::EntryKind kind, SharedBytes data);  // the leader's next entry
  void save_hard_state() { hard_state_changed_ = true; }
  void send(Message message);                // stamps from and term, goes out at once
  void send_after_persist(Message message);  // stamps from and term, waits for the disk
  void truncate_from(LogIndex from);
  void append_entry(Entry entry);
  bool is_leader() const { return role_ == Role::kMaster; }
  bool adopt_term(const Message& message);  // false: the message is to be dropped

  // --- election.cc
  bool hears_leader() const;
  bool may_help_elect(const Message& request) const;  // no leader and no lease promise forbids it
  // Begins an election. `pre`: first asks whether it would be won. `transfer_round`: the leader
  // told this replica to begin, when that was its newest round.
  void campaign(bool pre, std::optional<std::uint64_t> transfer_round = std::nullopt);
  void maybe_count_own_vote();
  void on_vote_request(const Message& message);
  void on_vote_reply(const Message& message);
  void maybe_step_down_without_quorum();
  void on_timeout_now(const Message& message);

  // --- replication.cc
  void broadcast_append();
  void broadcast_heartbeat();
  void look_for_gaps();
  void probe_gap(ReplicaId to, Progress& progress);
  bool hard_state_is_durable() const;
  void maybe_send_append(ReplicaId to, Progress& progress, bool even_if_empty);
  void maybe_send_commit(ReplicaId to, Progress& progress);
  void on_append(const Message& message);
  void on_append_reply(const Message& message);
  void on_heartbeat(const Message& message);
  void on_heartbeat_reply(const Message& message);
  void maybe_commit();
  void advance_commit(LogIndex commit);
  void maybe_finish_transfer(ReplicaId id, const Progress& progress);

  // --- membership.cc
  Result<void> may_change_to(const Configuration& target) const;
  void append_configuration(const Configuration& configuration);
  void enter_configuration();
  LogIndex configuration_index() const { return configurations_.rbegin()->first; }
  bool may_lead() const;       // this replica may begin elections
  void maybe_finish_change();  // a committed joint configuration is followed by its target
  void maybe_leave();          // a leader that was removed hands over
  void maybe_promote_learner();

  // --- read.cc
  bool may_serve_reads() const;  // an entry of this term is committed
  void request_read(ReadId id, ReplicaId origin);
  void flush_waiting_reads();
  void maybe_confirm_round();
  void answer_read(ReadId id, ReplicaId origin, LogIndex index);
  void refuse_read(ReadId id, ReplicaId origin);
  void refuse_reads();
  void on_read_index(const Message& message);
  void on_read_index_reply(const Message& message);

  // --- snapshot.cc
  void start_snapshot(ReplicaId to, Progress& progress);
  void send_chunk(ReplicaId to, Progress& progress);
  void resend_lost_chunks();
  void on_snapshot_chunk(Message message);
  void on_snapshot_reply(const Message& message);
  void reply_snapshot(ReplicaId to, const SnapshotMark& mark, std::uint64_t offset);

  Options options_;
  Instant now_;

  // Both are part of HardState, and durable before any message that depends on them is sent.
  Term term_;
  ReplicaId vote_;                   // the candidate voted for in term_
  bool hard_state_changed_ = false;  // since the last output

  Log log_;
  LogIndex persisted_;     // the log is durable here through this; <= log_.last_index()
  LogIndex commit_;        // known to be committed through this; only grows
  LogIndex handed_out_;    // given to the state machine through this; <= min(commit_, persisted_)
  LogIndex output_from_;   // the first entry that no output has handed to the disk
  Ticket next_ticket_{1};  // of the next output that has something to persist
  Ticket hard_state_ticket_;            // of the newest output with a changed HardState
  std::map<Ticket, LogIndex> tickets_;  // not durable yet: the last entry of each

  // Every configuration in the log, by index; the first one holds at the log's beginning.
  std::map<LogIndex, Configuration> configurations_;
  Configuration configuration_;        // the newest of them: the one that counts
  bool configuration_changed_ = true;  // since the last output
  Role role_ = Role::kFollower;
  ReplicaId leader_ = consensus::kNoReplica;  // of term_, as far as this replica knows
  RoleState announced_;                       // the role that the last output told
  // The election timer, and this replica's lease promises. The longest one is part of HardState.
  consensus::ElectionClock clock_;

  // Candidate only: the answers in this election (or pre-vote), by voter.
  std::map<ReplicaId, bool> votes_;
  std::optional<std::uint64_t> transfer_round_;  // set: the leader asked for this election

  // Leader only.
  std::map<ReplicaId, Progress> peers_;  // all members but this one, and those that just left
  Instant heartbeat_due_{};
  Instant quorum_check_due_{};
  LogIndex term_start_;                                // the index of this term's no-op
  std::size_t uncommitted_bytes_ = 0;                  // payloads behind commit_
  ReplicaId transfer_target_ = consensus::kNoReplica;  // of the hand-over that is under way
  Instant transfer_deadline_{};                        // when the hand-over is given up
  consensus::ReadRounds rounds_;

  // Leader only: the snapshot that can be sent.
  std::optional<SnapshotMark> snapshot_;
  std::uint64_t snapshot_size_ = 0;  // bytes
  bool snapshot_asked_ = false;      // the driver was asked for one since the last heartbeat
  // Follower only: the snapshot that arrives in parts.
  std::optional<SnapshotMark> arriving_;
  std::uint64_t arriving_size_ = 0;        // bytes
  std::uint64_t arriving_offset_ = 0;      // bytes of it that are written
  bool arriving_chunk_under_way_ = false;  // a part was handed to the driver and is not written yet
  Instant arriving_since_{};               // when that part was handed out

  Output output_;
};

}  // namespace polis::raft
