#pragma once

// The engine as an ordered map, for simulation and for unit tests of what uses an engine. It keeps
// the crash rules of the real one: a batch that was under way when the process died is there as a
// whole or not at all.
//
// Threads: the loop's.

#include <map>
#include <memory>

#include "base/random.hh"
#include "io/loop.hh"
#include "storage/engine.hh"

namespace polis::storage {

// What a crash leaves: the simulated machine's disk.
struct MemoryEngineState {
  std::map<RecordKey, SharedBytes> records;
  std::map<std::string, std::string> named;
};

class MemoryEngine final : public Engine {
 public:
  // Commits take a random time of up to `commit_max`. `disk` is for snapshot files.
  MemoryEngine(std::shared_ptr<MemoryEngineState> state, io::Loop& loop, io::Disk& disk,
               Random random, Duration commit_max = Duration::zero());
  // This is a crash: `random` decides whether a commit or adoption that is under way has happened.
  ~MemoryEngine() override;

  Result<bool> get(RecordKey key, const std::function<void(std::string_view)>& use) override;
  Result<void> scan(RecordKey from,
                    const std::function<bool(RecordKey, std::string_view)>& use) override;
  Result<void> scan_named(
      std::string_view prefix,
      const std::function<void(std::string_view, std::string_view)>& use) override;
  void commit_later(WriteBatch batch, io::Done done) override;
  bool commit_under_way() const override { return under_way_.has_value() || adopting_; }
  void save_snapshot_later(const std::string& path, const std::string& name, SnapshotRows also,
                           std::function<void(Result<SnapshotFile>)> done) override;
  void load_snapshot_later(const std::string& path, SnapshotRows also, io::Done done) override;
  void adopt_loaded_later(WriteBatch also, io::Done done) override;
  void forget_loaded() override { loaded_.reset(); }
  void dispose_later(std::shared_ptr<void>) override {}
  std::uint64_t bytes_on_disk() const override;
  std::uint64_t bytes_in_use() const override { return bytes_on_disk(); }

 private:
  static void apply(const WriteBatch& batch, MemoryEngineState& state);
  Result<SnapshotFile> save(const std::string& path, const std::string& name,
                            const SnapshotRows& also);
  Result<void> load(const std::string& path, const SnapshotRows& also);
  Duration delay();

  // Shared with the simulated machine, which outlives the process.
  std::shared_ptr<MemoryEngineState> state_;
  io::Loop& loop_;
  io::Disk& disk_;
  Random random_;
  Duration commit_max_;
  std::optional<WriteBatch> under_way_;      // the commit that is under way
  std::optional<MemoryEngineState> loaded_;  // by load_snapshot_later
  bool adopting_ = false;
  std::unique_ptr<io::Timer> commit_timer_, load_timer_;
  std::map<std::uint64_t, std::unique_ptr<io::Timer>> save_timers_;  // several may be under way
  std::uint64_t saves_ = 0;
};

}  // namespace polis::storage
