#pragma once

// The write-ahead log: everything that consensus must not forget, in preallocated segments of one
// directory.
//
// A record is durable after the sync that follows its append. Many appends share one sync. The
// format is described in docs/formats/wal.md. Each record says which position of the log was
// durable when it was written; so when a record is damaged, recovery knows whether it was ever
// acknowledged: a damaged record that lies before such a position is corruption and is refused, one
// behind all of them is the torn end of the last write and is cut off.
//
// Threads: the loop's. Errors: after any failed write or sync the object refuses everything (what
// the disk holds is unknown); the replica has to stop and recover. Source: the recovery rule
// follows "Protocol-Aware Recovery for Consensus-Based Storage" (FAST '18), section 3.3: tell a
// crash from corruption.

#include <deque>
#include <map>
#include <memory>

#include "consensus/types.hh"
#include "io/disk.hh"

namespace polis::storage {

namespace wal {
struct Head;
struct Record;
}  // namespace wal

using consensus::Entry;
using consensus::HardState;
using consensus::LogIndex;
using consensus::SnapshotMark;
using consensus::Term;

// Whose log it is: opened with another identity it is refused.
struct Identity {
  std::uint64_t cell = 0;
  consensus::ReplicaId replica;

  bool operator==(const Identity&) const = default;
};

struct WalOptions {
  std::string directory;
  Identity identity;
  // Each entry replaces its own index alone, and indexes may be missing: the log of a cell with
  // protocol paxos. It is fixed when the log is created.
  bool gaps = false;
  // Size of one segment, bytes. Larger means fewer files and more to keep after a compaction.
  std::uint64_t segment_bytes = 16 << 20;
  // The log was durable before this position once, as somebody else remembers it. A log that ends
  // before it has lost what was acknowledged. 0: nobody remembers anything, and a log that is not
  // there is made.
  std::uint64_t reached = 0;
};

// What a log of a former life held.
struct Recovered {
  HardState hard_state;
  LogIndex base_index;  // the entry before the first one kept
  Term base_term;
  std::vector<Entry> entries;  // consecutive, from base_index + 1
  // With gaps: instead of entries; those at or before base_index may be missing.
  std::map<LogIndex, Entry> accepted;
  std::uint64_t torn_bytes = 0;  // cut off at the end: never acknowledged
};

class Wal {
 public:
  // Creates or recovers the log; what it holds is durable then. kCorrupt: a record that was
  // acknowledged is damaged, or the log or a part of it is missing; the text names the file, what
  // was expected and what was found. kInvalid: the log belongs to another cell, replica or
  // protocol, or was written by a newer version.
  static Result<std::unique_ptr<Wal>> open(io::Disk& disk, WalOptions options,
                                           Recovered& recovered);

  // Hands the records to the system. Entries replace those of the same and higher indexes; with
  // gaps, those of the same.
  Result<void> append(const std::optional<HardState>& hard_state,
                      const std::vector<Entry>& entries);
  // The log begins anew behind this point; nothing before it counts any more. With gaps, what is
  // behind it stays.
  Result<void> reset(LogIndex index, Term term);
  // Calls `done` when everything appended so far is durable; may be called before this returns. The
  // calls that come while a sync is under way share the next one.
  void sync_later(io::Done done);
  // Says on disk that everything so far was durable and that everything through `committed` is
  // committed, if nothing says it yet: otherwise the last write before a long silence, were it
  // damaged then, would look like a torn one, and a next life would begin with the commit index of
  // that write. Call when nothing has been written for a while, with what was applied: entries
  // that this log holds, or that a reset covers. False: nothing to do, or not now.
  bool seal(LogIndex committed, io::Done done);
  // Everything before this position is durable: to be given to WalOptions::reached in a next life.
  std::uint64_t durable() const { return durable_; }
  // Damage to anything before this position is recognised as such.
  std::uint64_t proven() const { return proven_; }
  struct Place {
    std::string path;
    std::uint64_t offset = 0;
  };
  // Where the byte of this position lies; nothing if it has been released.
  std::optional<Place> place_of(std::uint64_t position) const;
  // Entries through `index` are not needed any more: removes the segments that hold nothing else.
  Result<void> release_through(LogIndex index);

  std::uint64_t bytes() const;  // on disk, all segments
  // Bytes handed to the system so far in this life, for measurements.
  std::uint64_t bytes_written() const { return end_.position - start_position_; }

 private:
  struct Segment {
    std::uint64_t number = 0;
    std::uint64_t base = 0;  // position of its first byte in the whole log
    LogIndex last;           // the highest index that any record in it speaks of
    std::string path;
    std::uint32_t version = 0;  // of its format
    std::uint64_t end = 0;      // position behind its last record, as recovery found it
  };
  struct End {
    std::uint64_t position = 0;  // where the next record goes, in the whole log
  };

  Wal(io::Disk& disk, WalOptions options) : disk_(disk), options_(std::move(options)) {}
  // wal_recovery.cc
  Result<void> recover(Recovered& recovered);
  Result<void> find_segments();
  Result<bool> never_begun(std::uint64_t number);
  Result<void> scan_segment(Segment& segment, const Segment* before, bool newest,
                            Recovered& recovered);
  Result<void> take_head(const wal::Head& head, const wal::Record& record, const Segment* before,
                         Segment& segment, Recovered& recovered);
  Result<void> go_on_writing();
  Result<void> start_segment(std::uint64_t number);
  Result<void> roll_if_full(std::size_t bytes);
  Result<void> roll();
  void prepare_next();
  Result<void> add_hard_state(const HardState& hard_state);
  void add_record(std::uint8_t type, std::string_view payload);
  Result<void> write_pending();
  void start_sync();
  void on_synced(std::uint64_t position, Result<void> result);
  std::string segment_path(std::uint64_t number) const;
  std::uint32_t version() const;  // of the segments that are written
  Result<void> failed(Error error);

  io::Disk& disk_;
  WalOptions options_;
  std::deque<Segment> segments_;    // oldest first; the last one is written
  std::unique_ptr<io::File> file_;  // of the last segment
  End end_;
  std::uint64_t start_position_ = 0;
  std::uint64_t durable_ = 0;  // everything before this position is durable
  std::uint64_t said_ = 0;     // what the last record says of that
  std::uint64_t proven_ = 0;   // what the last durable record says
  bool sealed_ = false;        // the last record was written by seal()
  std::string pending_;        // records not yet handed to the system

  // The newest state, repeated at the head of each segment so that older ones can go.
  HardState hard_state_;
  LogIndex last_index_;
  Term last_term_;

  bool sync_under_way_ = false;
  std::vector<io::Done> waiting_;  // for the next sync
  std::vector<io::Done> syncing_;  // for the one under way
  bool preparing_ = false;         // the next segment is being filled
  std::optional<Error> failure_;
  // Shared with callbacks that may come after the log is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>();
};

}  // namespace polis::storage
