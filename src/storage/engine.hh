#pragma once

// Where the state machine's data rests: a table of records in revision order, to which is only
// appended, and a small table of named values. Two implementations: LMDB (lmdb_engine.hh), and an
// ordered map with the same crash rules for simulation (memory_engine.hh).
//
// What is committed is durable and atomic: after a crash the engine holds the state after some
// whole number of batches. The applied index of the replicated log is one of the named values, so
// state and index can never disagree.
//
// Threads: the loop's; commits and snapshots run beside it, one at a time. Nothing here holds the
// loop up for longer because there is much in the engine.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/coding.hh"
#include "base/error.hh"
#include "io/disk.hh"

namespace polis::storage {

// Names one record: a revision of the whole store and the place of the change within it.
struct RecordKey {
  std::uint64_t revision = 0;
  std::uint32_t sub = 0;
  auto operator<=>(const RecordKey&) const = default;
};

struct Record {
  RecordKey key;
  SharedBytes bytes;
};

// All of it or nothing becomes durable.
struct WriteBatch {
  std::vector<Record> records;     // rising, above everything in the engine
  std::vector<RecordKey> removed;  // fine if absent
  std::vector<std::pair<std::string, std::optional<std::string>>> named;  // nothing: remove

  bool empty() const { return records.empty() && removed.empty() && named.empty(); }
};

// What a snapshot's file says of itself.
struct SnapshotFile {
  std::uint64_t bytes = 0;
  std::string named;  // the named value that was asked for, as the file holds it
};

// Called with each row of a state, the named values first, in order, beside the loop. What they
// refuse ends the reading with their error.
struct SnapshotRows {
  std::function<Result<void>(std::string_view name, std::string_view value)> named =
      [](std::string_view, std::string_view) { return Result<void>(); };
  std::function<Result<void>(RecordKey key, std::string_view bytes)> record =
      [](RecordKey, std::string_view) { return Result<void>(); };
};

class Engine {
 public:
  virtual ~Engine() = default;

  // Calls `use` with the record's bytes, valid during the call. False: there is none.
  virtual Result<bool> get(RecordKey key, const std::function<void(std::string_view)>& use) = 0;
  // Records from `from` on, in order, until `use` says false.
  virtual Result<void> scan(RecordKey from,
                            const std::function<bool(RecordKey, std::string_view)>& use) = 0;
  // Named values whose name begins with `prefix`, in order.
  virtual Result<void> scan_named(
      std::string_view prefix,
      const std::function<void(std::string_view name, std::string_view value)>& use) = 0;

  // Commits durably beside the loop. One at a time: precondition !commit_under_way(). kNoSpace:
  // nothing changed, try again.
  virtual void commit_later(WriteBatch batch, io::Done done) = 0;
  virtual bool commit_under_way() const = 0;

  // Writes the last committed state to a file of the format in docs/formats/snapshot.md, beside the
  // loop. Commits go on meanwhile. `also` sees the rows, too; `name` says which named value to
  // report from the state that was written. kNoSpace, kUnavailable (no such file can be made): try
  // again. kIo, kCorrupt: the disk, or what is on it, is not to be trusted any more.
  virtual void save_snapshot_later(const std::string& path, const std::string& name,
                                   SnapshotRows also,
                                   std::function<void(Result<SnapshotFile>)> done) = 0;
  // Checks the file and puts its content beside the engine's state, which goes on. `also` sees the
  // rows, too. kCorrupt: the file is damaged.
  virtual void load_snapshot_later(const std::string& path, SnapshotRows also, io::Done done) = 0;
  // What was loaded, with `also` applied to it, becomes the engine's state, atomically and durably,
  // in place of everything it held: in the moment `done` is called. Precondition: it was loaded and
  // not forgotten, !commit_under_way(), which is true until then. kNoSpace: nothing was changed,
  // and what was loaded is of no use any more.
  virtual void adopt_loaded_later(WriteBatch also, io::Done done) = 0;
  virtual void forget_loaded() = 0;
  // Destroys something large beside the loop. Precondition: this is its last owner.
  virtual void dispose_later(std::shared_ptr<void> garbage) = 0;

  virtual std::uint64_t bytes_on_disk() const = 0;
  virtual std::uint64_t bytes_in_use() const = 0;
};

}  // namespace polis::storage
