#pragma once

// The contract of a replicated log: a pure object that decides, and a driver that does what it
// decided.
//
// A protocol (raft/, paxos/) stands behind this interface; replica/ drives either and cannot tell
// which. Inputs are a message from a peer, the passing of time, a proposal, a read request and
// "persisted up to here". What they lead to is collected in one Output, which the driver takes and
// performs.
//
// Threads: one at a time; no locks inside.
// Life: construct from what was stored -> step / tick / propose / read / on_* in any order ->
// take_output after each batch of inputs. Outputs are performed in the order in which they were
// taken. Time: every input carries `now`, which must not go backwards.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hh"
#include "base/time.hh"
#include "consensus/types.hh"

namespace polis::consensus {

// A part of a snapshot, named and not carried: the driver reads it from the snapshot's file.
struct ChunkReference {
  LogIndex snapshot;         // SnapshotMark::index of the snapshot
  std::uint64_t offset = 0;  // bytes
  std::uint32_t length = 0;  // bytes
};

struct Outgoing {
  ReplicaId to;
  std::string bytes;
  // If set, the driver appends these bytes of the snapshot to `bytes` before it sends; if it cannot
  // read them, it drops the message.
  std::optional<ChunkReference> chunk;
};

// A part of a snapshot that arrived and is to be written to disk.
struct ChunkArrived {
  ReplicaId from;
  SnapshotMark mark;
  std::uint64_t size = 0;  // of the whole snapshot, bytes
  std::uint64_t offset = 0;
  std::string bytes;
};

struct ReadReady {
  ReadId id;
  LogIndex index;  // the read may be served from any state that has applied this index
};

enum class Role : std::uint8_t { kFollower, kPreCandidate, kCandidate, kMaster, kLearner };
const char* to_string(Role role);

struct RoleState {
  Role role = Role::kFollower;
  Term term;
  ReplicaId master = kNoReplica;  // who is believed to be master

  bool operator==(const RoleState&) const = default;
};

// What the driver has to do, in this order (replica/perform.cc). `Message`: as the driver sends it;
// within a protocol, as that one knows it.
template <class Message>
struct OutputOf {
  // 1. Set when role, term or master changed. First, so that everything below is applied and
  // answered by a driver that knows whether it is still the master's.
  std::optional<RoleState> role;

  // 2. Set when who takes part changed, as the log has it: it may still be taken back. Who is in it
  // has to be reachable before messages to them are sent; who is not any more should be for a
  // second or two, to be told.
  std::optional<Configuration> configuration;

  // 3. Write to the write-ahead log, under `ticket`. Entries replace whatever the log held from
  // entries.front().index on.
  //    Nothing here may be acted on by anyone before it is durable. When it is, call
  //    on_persisted(ticket).
  std::optional<Ticket> ticket;  // set exactly when there is something to persist
  std::optional<HardState> hard_state;
  std::vector<Entry> entries;

  // 4. Send at once; what they say does not depend on this replica's disk.
  std::vector<Message> messages;

  // 5. Send when everything that was to be persisted in this and all earlier outputs is durable.
  std::vector<Message> messages_after_persist;

  // 6. Apply to the state machine, in order. They are durable here and on a quorum.
  std::vector<Entry> committed;

  // 7. Serve these reads as soon as their index is applied; refuse the others (not master, or
  // mastership lost).
  std::vector<ReadReady> reads;
  std::vector<ReadId> reads_refused;

  // 8. Snapshots. `snapshot_damaged`: the file that was made last is; forget it.
  // `snapshot_wanted`: a peer needs one; make it if there is none, then call on_snapshot_available.
  bool snapshot_damaged = false;
  bool snapshot_wanted = false;
  std::vector<ChunkArrived> chunks;  // write each, then call on_chunk_written

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
  LogIndex match;
  Instant heard;  // last message from it
  bool snapshotting = false;
};

struct Status {
  RoleState role;
  LogIndex commit;
  LogIndex last;
  LogIndex first;
  LogIndex persisted;
  std::size_t log_bytes = 0;    // in memory
  Configuration configuration;  // the newest one in the log
  // It is committed and not joint, and a master knows so: another may follow.
  bool configuration_settled = false;
  Instant lease_until{};            // the master may answer alone until then; the past: not now
  std::vector<PeerProgress> peers;  // filled on the master only
};

class ReplicatedLog {
 public:
  virtual ~ReplicatedLog() = default;

  // A message from a peer. kInvalid: it is malformed, nothing happened.
  [[nodiscard]] virtual Result<void> step(ReplicaId from, std::string_view message,
                                          Instant now) = 0;

  // Time has passed. Call at next_deadline() or later; calling earlier does no harm.
  virtual void tick(Instant now) = 0;
  virtual Instant next_deadline() const = 0;

  // Appends a command; the index says where it will stand if it is ever committed.
  // kUnavailable: not master, mastership is being transferred, or too much is uncommitted; nothing
  // was appended.
  [[nodiscard]] virtual Result<LogIndex> propose(SharedBytes command, Instant now) = 0;

  // Asks for an index that is at least as new as everything acknowledged before this call (Raft
  // thesis 6.4). Any replica may ask. The answer is in Output::reads or reads_refused, or never if
  // a message is lost: time it out.
  virtual void read(ReadId id, Instant now) = 0;

  // Hands mastership to `target` once that has the whole log (Raft thesis 3.10). Gives up after an
  // election timeout. kInvalid: `target` is no voter or is this replica. kUnavailable: this replica
  // is not master.
  [[nodiscard]] virtual Result<void> transfer(ReplicaId target, Instant now) = 0;

  // Makes `target` what decides who takes part, in as many steps as it takes (Raft thesis 4.3); the
  // index is that of the first. It is done when a configuration that is not joint is committed, at
  // that index or behind it. kInvalid: never. kUnavailable: not now; says why and what would be
  // allowed.
  [[nodiscard]] virtual Result<LogIndex> change(Configuration target, Instant now) = 0;

  // The transport believes that the peer's process has ended. May be wrong, and may come never: it
  // only makes the search for a new master begin sooner.
  virtual void on_peer_lost(ReplicaId peer, Instant now) = 0;

  // Everything of this ticket and of the ones before it is durable.
  virtual void on_persisted(Ticket ticket, Instant now) = 0;
  // The log through `index` may be forgotten: the state machine's own storage holds it durably.
  virtual void compact(LogIndex index) = 0;

  // A snapshot can be read from disk by Output::messages' chunks.
  virtual void on_snapshot_available(const SnapshotMark& mark, std::uint64_t size, Instant now) = 0;
  // The bytes through `offset` of the arriving snapshot are written; `from` may send what follows.
  virtual void on_chunk_written(ReplicaId from, const SnapshotMark& mark, std::uint64_t offset,
                                Instant now) = 0;
  // The arriving snapshot is complete and does not hold together: another one is asked for.
  virtual void on_snapshot_damaged(ReplicaId from, const SnapshotMark& mark, Instant now) = 0;
  // Whether a complete one is still of use. To be asked right before it is installed, while nothing
  // else reaches the log.
  virtual bool wants_snapshot(const SnapshotMark& mark) const = 0;
  // The arriving snapshot is complete, checked, durable, and is now the state machine's state. The
  // log begins anew.
  virtual void on_snapshot_installed(ReplicaId from, const SnapshotMark& mark, Instant now) = 0;

  [[nodiscard]] virtual Output take_output() = 0;
  virtual Status status() const = 0;
};

// What was found on disk at the start.
struct Restored {
  HardState hard_state;
  SnapshotMark mark;           // the point behind which the log begins
  std::vector<Entry> entries;  // consecutive, beginning at mark.index + 1
  LogIndex applied;            // what the state machine holds durably: mark.index <= applied
};

}  // namespace polis::consensus
