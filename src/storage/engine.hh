#pragma once

// Where the state of the state machine rests on disk: a table of records in revision order, to
// which records are only appended, and a small table of named values. Two implementations: LMDB
// (lmdb_engine.hh), and an ordered map with the same crash rules for simulation (memory_engine.hh).
//
// Commits are atomic and durable: after a crash the engine holds the state after some whole number
// of batches. The applied index of the replicated log is one of the named values, so state and
// index can never disagree. The store (store/store.hh) is the only user; it knows what the bytes
// mean.
//
// Threads: the loop's. Functions that end in `_later` do their work beside the loop and call `done`
// on the loop's thread, after they have returned, unless the engine is destroyed before. Commits
// run one at a time, and so do snapshots. No function holds the loop up for longer because the
// engine holds much.
// Errors: kCorrupt: what is on disk is damaged. kIo: the system refused. After either, the replica
// must stop.

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

// Names one record: a revision of the whole store, and the place of the change within that
// revision, from 0 on.
struct RecordKey {
  std::uint64_t revision = 0;
  std::uint32_t sub = 0;
  auto operator<=>(const RecordKey&) const = default;
};

struct Record {
  RecordKey key;
  SharedBytes bytes;
};

// Changes that become durable together or not at all.
struct WriteBatch {
  std::vector<Record> records;     // rising keys, all above every key in the engine
  std::vector<RecordKey> removed;  // records to remove; fine if they do not exist
  // Named values to set; nullopt: remove the value of this name.
  std::vector<std::pair<std::string, std::optional<std::string>>> named;

  bool empty() const { return records.empty() && removed.empty() && named.empty(); }
};

// A snapshot file that was written.
struct SnapshotFile {
  std::uint64_t bytes = 0;  // its size
  std::string named;        // the named value that the caller asked for, as the file holds it
};

// Callbacks for the rows of a whole state: first every named value, then every record, each in
// order. They run beside the loop, on another thread. An error that one of them returns ends the
// reading, which then fails with it.
struct SnapshotRows {
  std::function<Result<void>(std::string_view name, std::string_view value)> named =
      [](std::string_view, std::string_view) { return Result<void>(); };
  std::function<Result<void>(RecordKey key, std::string_view bytes)> record =
      [](RecordKey, std::string_view) { return Result<void>(); };
};

class Engine {
 public:
  virtual ~Engine() = default;

  // Calls `use` with the record's bytes, which are valid during the call. False: there is no such
  // record. Reads see what was committed, and not what a commit that is under way will write.
  virtual Result<bool> get(RecordKey key, const std::function<void(std::string_view)>& use) = 0;
  // Calls `use` with each record from `from` on, in order, until it gives false.
  virtual Result<void> scan(RecordKey from,
                            const std::function<bool(RecordKey, std::string_view)>& use) = 0;
  // Calls `use` with each named value whose name begins with `prefix`, in order.
  virtual Result<void> scan_named(
      std::string_view prefix,
      const std::function<void(std::string_view name, std::string_view value)>& use) = 0;

  // Commits the batch. Precondition: !commit_under_way(). kNoSpace: nothing has changed, and the
  // same batch may be tried again.
  virtual void commit_later(WriteBatch batch, io::Done done) = 0;
  virtual bool commit_under_way() const = 0;

  // Writes the last committed state to a new file of the format in docs/formats/snapshot.md.
  // Commits go on meanwhile. `also` sees each row before it is written. `name`: the named value to
  // report in SnapshotFile. kNoSpace, kUnavailable (the file cannot be made): try again later.
  virtual void save_snapshot_later(const std::string& path, const std::string& name,
                                   SnapshotRows also,
                                   std::function<void(Result<SnapshotFile>)> done) = 0;
  // A state that arrives as a file takes the place of the engine's own in two steps: load, then
  // adopt. Loading checks the file and puts its content beside the engine's state, which stays in
  // use. `also` sees each row. kCorrupt: the file is damaged.
  virtual void load_snapshot_later(const std::string& path, SnapshotRows also, io::Done done) = 0;
  // The loaded content, changed by `also`, becomes the engine's state and replaces all that it
  // held, atomically and durably. Reads see the old state until `done` is called and the new one
  // from then on. Precondition: a load has succeeded and was not forgotten, and
  // !commit_under_way(). Until `done` is called, commit_under_way() is true. kNoSpace: nothing has
  // changed, and the loaded content is of no use any more.
  virtual void adopt_loaded_later(WriteBatch also, io::Done done) = 0;
  // Drops what was loaded.
  virtual void forget_loaded() = 0;
  // Destroys a large object beside the loop. Precondition: `garbage` is its last owner.
  virtual void dispose_later(std::shared_ptr<void> garbage) = 0;

  virtual std::uint64_t bytes_on_disk() const = 0;  // size of the engine's file
  // The size of the pages of that file that are in use. The rest of the file can be written again
  // without more disk space.
  virtual std::uint64_t bytes_in_use() const = 0;
};

}  // namespace polis::storage
