#pragma once

// Where the state machine's data rests: a table of records in revision order, to which is only
// appended, and a small table of named values. Two implementations: LMDB (lmdb_engine.hh), and an
// ordered map with the same crash rules for simulation (memory_engine.hh).
//
// What is committed is durable and atomic: after a crash the engine holds the state after some
// whole number of batches. The applied index of the replicated log is one of the named values, so
// state and index can never disagree.
//
// Threads: the loop's; commits and snapshots run beside it, one at a time.

#include <functional>
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
  // loop. Commits go on meanwhile; `name` says which named value to report from the state that was
  // written.
  virtual void save_snapshot_later(const std::string& path, const std::string& name,
                                   std::function<void(Result<SnapshotFile>)> done) = 0;
  // Checks the file and makes it the engine's state, atomically and durably, in place of everything
  // it held. kCorrupt: the file is damaged, nothing changed.
  virtual void load_snapshot_later(const std::string& path, io::Done done) = 0;

  virtual std::uint64_t bytes_on_disk() const = 0;
  virtual std::uint64_t bytes_in_use() const = 0;
};

}  // namespace polis::storage
