#pragma once

// The engine on LMDB: one file, `state.mdb`. Records lie in revision order, so that every write is
// an append and pages fill completely; in key order every write would touch a page of its own.
// Reads go through the page cache, so values cost no heap. Commits and snapshots have a thread
// each.
//
// Threads: as engine.hh says.
// Life: open -> use -> destroy, which waits for what is under way. The only user of LMDB.

#include <memory>

#include "base/metrics.hh"
#include "io/loop.hh"
#include "io/worker.hh"
#include "storage/engine.hh"

namespace polis::storage {

struct LmdbOptions {
  std::string directory;
  // The largest size of the file, bytes. It costs address space, not memory; where the system does
  // not give so much, half is taken, and half again. A file that has reached it: kNoSpace.
  std::uint64_t map_bytes = 1ULL << 40;
};

class LmdbEngine final : public Engine {
 public:
  // Opens the file, or makes an empty one. kIo, kNoSpace, kCorrupt: the text has the path and
  // LMDB's reason.
  static Result<std::unique_ptr<LmdbEngine>> open(io::Loop& loop, LmdbOptions options);
  ~LmdbEngine() override;

  Result<bool> get(RecordKey key, const std::function<void(std::string_view)>& use) override;
  Result<void> scan(RecordKey from,
                    const std::function<bool(RecordKey, std::string_view)>& use) override;
  Result<void> scan_named(
      std::string_view prefix,
      const std::function<void(std::string_view, std::string_view)>& use) override;
  void commit_later(WriteBatch batch, io::Done done) override;
  bool commit_under_way() const override { return commit_under_way_; }
  // How long LMDB took to make each batch durable.
  const DurationHistogram& commit_times() const { return commit_times_; }
  void save_snapshot_later(const std::string& path, const std::string& name, SnapshotRows also,
                           std::function<void(Result<SnapshotFile>)> done) override;
  void load_snapshot_later(const std::string& path, SnapshotRows also, io::Done done) override;
  void adopt_loaded_later(WriteBatch also, io::Done done) override;
  void forget_loaded() override;
  void dispose_later(std::shared_ptr<void> garbage) override;
  std::uint64_t bytes_on_disk() const override;
  std::uint64_t bytes_in_use() const override;

 private:
  class Environment;  // lmdb_engine.cc
  LmdbEngine(io::Loop& loop, LmdbOptions options);
  std::string path() const { return options_.directory + "/state.mdb"; }

  io::Loop& loop_;
  LmdbOptions options_;
  Result<void> load(const std::string& from, const SnapshotRows& also);
  Result<std::shared_ptr<Environment>> adopt(const WriteBatch& also);
  std::string path_beside() const { return path() + ".new"; }

  std::shared_ptr<Environment> environment_;  // shared with snapshots being written from it
  bool commit_under_way_ = false;
  DurationHistogram commit_times_{std::chrono::milliseconds(1), 14};
  // Shared with callbacks that may run after this object is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>();
  std::unique_ptr<io::Worker> worker_;           // commits
  std::unique_ptr<io::Worker> snapshot_worker_;  // snapshots, loading, disposal: what takes long
};

}  // namespace polis::storage
