#pragma once

// The contract of a replicated log: a pure object decides, and a driver does what it has decided.
//
// A protocol (raft/, paxos/) stands behind this interface; replica/ drives either and cannot tell
// which. Inputs are: a message from a peer, the passing of time, a proposal, a read request, and
// "this is durable now". The object collects what the inputs lead to in one Output. The driver
// takes the output and performs it.
//
// The object touches no disk, network, clock or thread, so a test can play any order of events.
//
// Words: an entry is *committed* (Paxos: chosen) when a quorum holds it durably, so that it can
// never be another one. It is *applied* when the state machine has carried it out. The *master* is
// the replica that proposes (Raft: leader). A *hand-over* (transfer) makes another replica master.
//
// Threads: one at a time; no locks inside.
// Life: construct from Restored -> step / tick / propose / read / on_* in any order ->
// take_output after each batch of inputs. The driver performs outputs in the order in which it took
// them.
// Time: every input carries `now` (base/time.hh), which must not go backwards.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hh"
#include "base/time.hh"
#include "consensus/types.hh"

namespace polis::consensus {

// Names a part of a snapshot. The message does not carry its bytes: the driver reads them from the
// snapshot's file.
struct ChunkReference {
  LogIndex snapshot;         // SnapshotMark::index of the snapshot
  std::uint64_t offset = 0;  // bytes
  std::uint32_t length = 0;  // bytes
};

// A message to a peer. Messages may be lost, late, repeated and reordered; the protocols cope.
struct Outgoing {
  ReplicaId to;
  std::string bytes;
  // If set, the driver appends this part of the snapshot to `bytes` before it sends. If it cannot
  // read the part, it drops the message.
  std::optional<ChunkReference> chunk;
};

// A part of a snapshot that has arrived and is to be written to a file.
struct ChunkArrived {
  ReplicaId from;
  SnapshotMark mark;
  std::uint64_t size = 0;    // of the whole snapshot, bytes
  std::uint64_t offset = 0;  // of this part in the snapshot, bytes
  std::string bytes;
};

struct ReadReady {
  ReadId id;
  LogIndex index;  // the read may be served from any state that has applied this index
};

// kPreCandidate: it asks whether it would be elected. kLearner: it receives the log and has no vote
// (a member without a vote, not the learner role of the Paxos papers).
enum class Role : std::uint8_t { kFollower, kPreCandidate, kCandidate, kMaster, kLearner };
const char* to_string(Role role);

struct RoleState {
  Role role = Role::kFollower;
  Term term;
  ReplicaId master = kNoReplica;  // the replica that is believed to be master; kNoReplica: unknown

  bool operator==(const RoleState&) const = default;
};

// What the driver has to do, in this order (replica/perform.cc). The driver knows messages as bytes
// (Outgoing); within a protocol, `Message` is the protocol's own type.
template <class Message>
struct OutputOf {
  // 1. Set when role, term or master has changed. It comes first, so that the driver knows whether
  // this replica is still the master when it applies and answers what follows.
  std::optional<RoleState> role;

  // 2. Set when the configuration has changed, as the log has it; an entry that is not committed
  // may still be taken back. The driver connects to all of its members before it sends messages. It
  // keeps connections to members that have left for a second or two, so that they are told.
  std::optional<Configuration> configuration;

  // 3. Write hard state and entries to the write-ahead log. `ticket` names this request. Raft: the
  // entries replace all that the log holds from entries.front().index on. Paxos: each entry
  // replaces its own index alone, and indexes may be missing.
  //    Nobody may act on any of it before it is durable. When it is durable, call
  // on_persisted(ticket).
  std::optional<Ticket> ticket;  // set exactly when there is something to persist
  std::optional<HardState> hard_state;
  std::vector<Entry> entries;

  // 4. Send these at once; what they say does not depend on this replica's disk.
  std::vector<Message> messages;

  // 5. Send these when everything that this and all earlier outputs asked to persist is durable.
  std::vector<Message> messages_after_persist;

  // 6. Apply these to the state machine, in order. They are durable here and on a quorum.
  std::vector<Entry> committed;

  // 7. `reads`: serve each as soon as its index is applied. `reads_refused`: no master is known, or
  // the mastership ended before a quorum confirmed it; ask again later.
  std::vector<ReadReady> reads;
  std::vector<ReadId> reads_refused;

  // 8. Snapshots. `snapshot_damaged`: the snapshot file that this replica made last is damaged;
  // forget the file. `snapshot_wanted`: a peer needs a snapshot; make one if there is none, then
  // call on_snapshot_available.
  bool snapshot_damaged = false;
  bool snapshot_wanted = false;
  std::vector<ChunkArrived> chunks;  // write each to the file, then call on_chunk_written

  bool empty() const {
    return !ticket && messages.empty() && messages_after_persist.empty() && committed.empty() &&
           reads.empty() && reads_refused.empty() && !snapshot_wanted && !snapshot_damaged &&
           chunks.empty() && !role && !configuration;
  }
};
using Output = OutputOf<Outgoing>;

// How one peer stands, as the master sees it.
struct PeerProgress {
  ReplicaId id;
  LogIndex match;  // Raft: its log equals the master's through here. Paxos: it has learned
                   // everything through here. Durable there in both cases.
  Instant heard;   // when the last message came from it
  bool snapshotting = false;  // it is being sent a snapshot
};

// For people, metrics and upkeep. Costs a copy of the configuration.
struct Status {
  RoleState role;
  LogIndex commit;     // everything through here is committed, as far as this replica knows
  LogIndex last;       // the last entry in memory; on a Paxos master, commands that wait for
                       // their slot count, too
  LogIndex first;      // the first entry in memory; earlier ones have been released
  LogIndex persisted;  // everything through here is durable on this replica (Paxos: and chosen)
  std::size_t log_bytes = 0;  // in memory
  // Raft: the newest one in the log, committed or not. Paxos: the newest one that is chosen.
  Configuration configuration;
  // True: the configuration is committed and not joint, as far as this replica knows. On a master
  // this means that another change may begin.
  bool configuration_settled = false;
  // The master may answer reads alone until this time. A time in the past: it may not.
  Instant lease_until{};
  std::vector<PeerProgress> peers;  // filled on the master only
};

class ReplicatedLog {
 public:
  virtual ~ReplicatedLog() = default;

  // A message from a peer. kInvalid: the message is malformed, and nothing happened.
  [[nodiscard]] virtual Result<void> step(ReplicaId from, std::string_view message,
                                          Instant now) = 0;

  // Time has passed. Call it at next_deadline() or later; an earlier call does no harm.
  virtual void tick(Instant now) = 0;
  // When tick() is needed next, if nothing else happens. Every input may change it.
  virtual Instant next_deadline() const = 0;

  // Appends a command. The result is the index that the command has if it is ever committed;
  // another entry may take that index if the master changes. kUnavailable: nothing was appended,
  // because this replica is not master, is handing over, or has too much uncommitted.
  [[nodiscard]] virtual Result<LogIndex> propose(SharedBytes command, Instant now) = 0;

  // Asks for an index that is at least as new as everything that was acknowledged before this call
  // (Raft thesis 6.4). Any replica may ask. The answer comes in Output::reads or reads_refused. It
  // never comes if a message is lost, so the caller needs a time limit.
  virtual void read(ReadId id, Instant now) = 0;

  // Hand-over: makes `target` master, once it has the whole log (Raft thesis 3.10). Gives up after
  // the longest election timeout. The result says only that it has begun. kInvalid: `target` is no
  // voter, or is this replica. kUnavailable: this replica is not master.
  [[nodiscard]] virtual Result<void> transfer(ReplicaId target, Instant now) = 0;

  // Makes `target` the configuration, in one or two steps (Raft thesis 4.3; membership.hh). The
  // result is the index of the first step. The change is done when a configuration that is not
  // joint is committed at that index or a later one. kInvalid: this change is never allowed.
  // kBehind and kNoQuorum: not now, as may_change in membership.hh. kUnavailable: not now, for
  // another reason. Precondition: `target` is not joint.
  [[nodiscard]] virtual Result<LogIndex> change(Configuration target, Instant now) = 0;

  // The transport believes that the peer's process has ended. This is a hint: it may be wrong, and
  // it may never come. It only makes the search for a new master begin sooner.
  virtual void on_peer_lost(ReplicaId peer, Instant now) = 0;

  // Everything that the outputs with this ticket and with earlier ones asked to persist is durable.
  virtual void on_persisted(Ticket ticket, Instant now) = 0;
  // Releases the log through `index` from memory: the state machine's own storage holds its effects
  // durably. Precondition: `index` was handed out in Output::committed, or is part of Restored.
  virtual void compact(LogIndex index) = 0;

  // --- a snapshot that this replica sends
  // A snapshot file with this mark, of `size` bytes, can be read now. Chunk references in messages
  // mean this file from now on.
  virtual void on_snapshot_available(const SnapshotMark& mark, std::uint64_t size, Instant now) = 0;

  // --- a snapshot that this replica receives from `from`
  // Its first `offset` bytes are written to the file; `from` may send what follows.
  virtual void on_chunk_written(ReplicaId from, const SnapshotMark& mark, std::uint64_t offset,
                                Instant now) = 0;
  // The snapshot is complete, but its content is damaged: the protocol tells `from` and asks for
  // another one.
  virtual void on_snapshot_damaged(ReplicaId from, const SnapshotMark& mark, Instant now) = 0;
  // Whether a complete snapshot with this mark is still of use. Ask right before it is installed,
  // while nothing else reaches the log.
  virtual bool wants_snapshot(const SnapshotMark& mark) const = 0;
  // The snapshot is complete, checked and durable, and has become the state of the state machine.
  // Raft: the log is empty behind the mark now. Paxos: entries behind the mark stay. Precondition:
  // wants_snapshot(mark).
  virtual void on_snapshot_installed(ReplicaId from, const SnapshotMark& mark, Instant now) = 0;

  // What the inputs since the last call have led to. Each output holds a bounded part of the
  // committed entries, so take and perform outputs until one is empty.
  [[nodiscard]] virtual Output take_output() = 0;
  virtual Status status() const = 0;
};

// What the driver found on disk when the process started. A new replica has found nothing; if it
// founds a cell, `mark` has the first configuration.
struct Restored {
  HardState hard_state;
  SnapshotMark mark;  // the log begins behind this point; its configuration is as of `applied`
  // Behind the mark, rising. Raft: consecutive from mark.index + 1 on. Paxos: may have gaps.
  std::vector<Entry> entries;
  LogIndex applied;  // the state machine holds everything through here durably; >= mark.index
};

}  // namespace polis::consensus
