#pragma once

// The write-ahead log: everything that consensus must not forget (hard state and entries), in files
// of one size, called segments, in one directory. See docs/formats/wal.md.
//
// A *position* counts the bytes of the log over all segments that there ever were. A record becomes
// durable by the sync that follows its append; many appends share one sync.
//
// Recovery must tell a crash from corruption. A crash may tear the last write, which nobody has
// acknowledged. So each record says which position was durable when it was written. A damaged
// record before such a position had been durable: that is corruption, and the log is refused. A
// damaged record behind all of them is the torn end of the last write, and is cut off.
//
// Threads: the loop's. Callbacks come on the loop's thread.
// Life: open -> append / reset / sync_later / seal / release_through in any order -> destroy.
// `disk` must outlive it. No callback comes after it is destroyed.
// Errors: after a failed write or sync, every call fails with that error, because nobody knows what
// the disk holds. The replica must stop and recover.
// Source: "Protocol-Aware Recovery for Consensus-Based Storage" (FAST '18), section 3.3.

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

// Whose log it is. A log is not opened for another cell or replica.
struct Identity {
  std::uint64_t cell = 0;  // the cell's id
  consensus::ReplicaId replica;

  bool operator==(const Identity&) const = default;
};

struct WalOptions {
  std::string directory;
  Identity identity;
  // False (Raft): an entry replaces all entries from its index on, and none is missing between
  // them. True (Paxos): an entry replaces its own index alone, and indexes may be missing. Fixed
  // when the log is made.
  bool gaps = false;
  // Size of a segment, bytes; at least 13 MiB in a cell, so that the largest entry fits. Larger:
  // fewer files, and more to keep after entries are released. A log that exists keeps its own size.
  std::uint64_t segment_bytes = 16 << 20;
  // Somebody else remembers that the log was durable before this position (the state, from
  // durable() in an earlier life). A log that ends before it, or is not there, has lost what was
  // acknowledged and is refused. 0: nobody remembers anything, and if no log is there, one is made.
  std::uint64_t reached = 0;
};

// What the log of an earlier life held.
struct Recovered {
  HardState hard_state;
  // Entries through base_index are not in the log any more. base_term: of the entry at base_index.
  LogIndex base_index;
  Term base_term;
  std::vector<Entry> entries;  // without gaps only: consecutive, from base_index + 1 on
  // With gaps only: the entries by index. Some of them may have an index at or below base_index.
  std::map<LogIndex, Entry> accepted;
  std::uint64_t torn_bytes = 0;  // the torn end that was cut off
};

class Wal {
 public:
  // Recovers the log, or makes an empty one. Takes as long as reading all of it. When it returns,
  // everything in `recovered` is durable. kCorrupt: a record that had been durable is damaged, or
  // the log or a part of it is missing; the text names the file, what was expected and what was
  // found. kInvalid: the log is of another cell, replica or protocol, or of a newer format. kIo,
  // kNoSpace: as the disk says.
  static Result<std::unique_ptr<Wal>> open(io::Disk& disk, WalOptions options,
                                           Recovered& recovered);

  // Writes the records; they are not durable yet. Either may be empty. Entries replace others as
  // WalOptions::gaps says.
  Result<void> append(const std::optional<HardState>& hard_state,
                      const std::vector<Entry>& entries);
  // After a snapshot took the place of the state: entries through `index`, whose term is `term`, do
  // not count any more. Without gaps the log is empty behind that point; with gaps, the entries
  // behind it stay. Not durable yet.
  Result<void> reset(LogIndex index, Term term);
  // Calls `done` when everything that was written so far is durable; perhaps before this returns.
  // Calls that come while a sync is under way share the next one.
  void sync_later(io::Done done);
  // Call this when nothing has been written for a while. Writes one more record, which says that
  // everything so far was durable and that everything through `committed` is committed, and syncs
  // it. Without it, damage to the last write before a silence would look like a torn write, and the
  // next life would begin with an old commit index. Precondition: the log holds the entries through
  // `committed`, or a reset covers them. False: there is nothing to say, or it is not possible now;
  // `done` is not called.
  bool seal(LogIndex committed, io::Done done);
  // Everything before this position is durable. The caller may store it elsewhere, and pass it in
  // WalOptions::reached at the next start.
  std::uint64_t durable() const { return durable_; }
  // If a byte before this position is damaged, recovery will know that this is corruption. For
  // tests.
  std::uint64_t proven() const { return proven_; }
  struct Place {
    std::string path;
    std::uint64_t offset = 0;  // bytes
  };
  // The file that holds the byte at this position. nullopt: its segment has been released. For
  // tests.
  std::optional<Place> place_of(std::uint64_t position) const;
  // Entries through `index` are not needed any more: removes the segments that hold no later ones.
  Result<void> release_through(LogIndex index);

  std::uint64_t bytes() const;  // on disk, of all segments
  // Bytes that were written in this life, for measurements.
  std::uint64_t bytes_written() const { return end_.position - start_position_; }

 private:
  struct Segment {
    std::uint64_t number = 0;
    std::uint64_t base = 0;  // position of its first byte in the whole log
    LogIndex last;           // the highest index in any of its records
    std::string path;
    std::uint32_t version = 0;  // of its format
    std::uint64_t end = 0;      // position behind its last record, as recovery has found it
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
  std::uint64_t start_position_ = 0;  // end_ when the log was opened
  std::uint64_t durable_ = 0;         // everything before this position is durable
  std::uint64_t said_ = 0;            // what the last record says of durable_
  std::uint64_t proven_ = 0;          // what the last durable record says of it
  bool sealed_ = false;               // the last record was written by seal()
  std::string pending_;               // records that are not given to the system yet

  // The newest values. Each segment's head repeats them, so that older segments can go.
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
