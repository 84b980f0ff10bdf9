#pragma once

// A simulated disk. What was not synced may be lost, kept, or torn at sector borders when the
// machine crashes; a sync takes time; the disk can be full, stall, and fail.
//
// The contents are in DiskContents, which outlives the process.
//
// Threads: one.

#include <map>
#include <memory>
#include <string>

#include "io/disk.hh"
#include "io/loop.hh"
#include "sim/world.hh"

namespace polis::sim {

inline constexpr std::size_t kSectorBytes = 512;

// `durable`: what a crash leaves for certain. `current`: what the process sees.
struct FileContents {
  std::string durable;
  std::string current;
  struct Write {
    std::uint64_t offset;
    std::string bytes;
  };
  std::vector<Write> unsynced;
};

struct DiskContents {
  std::map<std::string, std::shared_ptr<FileContents>> names;          // as the process sees them
  std::map<std::string, std::shared_ptr<FileContents>> durable_names;  // as they are after a crash
  std::uint64_t syncs = 0;

  // Becomes what the machine finds when it starts again: `random` decides about each write that was
  // not synced.
  void crash(Random& random);
  // Damages the file at this byte: one of its bits flips, or its sector is all zeros or has the
  // content of another sector. The result says what was done; empty: the file has no such byte.
  std::string rot(Random& random, const std::string& path, std::uint64_t offset);
  // Removes all files of a directory.
  void lose(const std::string& directory);
  // Removes the content of all files of a directory.
  void empty(const std::string& directory);
  // Cuts the file off at `offset`, and removes the files of its directory whose names come after
  // its own.
  void cut(const std::string& path, std::uint64_t offset);
};

struct DiskFaults {
  Duration sync_min = std::chrono::microseconds(50);
  Duration sync_max = std::chrono::microseconds(500);
  double stall = 0;  // chance that a sync takes stall_length
  Duration stall_length = std::chrono::milliseconds(200);
  bool full = false;
  bool fail_sync = false;    // the next sync fails; what it should make durable never is
  bool sync_failed = false;  // a sync has failed
};

class SimulatedDisk final : public io::Disk {
 public:
  SimulatedDisk(io::Loop& loop, std::shared_ptr<DiskContents> contents,
                std::shared_ptr<DiskFaults> faults, Random random)
      : loop_(loop), contents_(std::move(contents)), faults_(std::move(faults)), random_(random) {}

  Result<std::unique_ptr<io::File>> open(const std::string& path) override;
  Result<std::unique_ptr<io::File>> create(const std::string& path) override;
  Result<void> create_zeroed(const std::string& path, std::uint64_t size) override;
  void create_zeroed_later(const std::string& path, std::uint64_t size, io::Done done) override;
  Result<void> make_directory(const std::string&) override { return {}; }
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<void> remove(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> sync_directory(const std::string& directory) override;
  Result<std::uint64_t> bytes_free(const std::string&) override {
    return faults_->full ? 0 : 1ULL << 40;
  }

 private:
  friend class SimulatedFile;
  Duration sync_time();
  io::Loop& loop_;
  std::shared_ptr<DiskContents> contents_;  // shared with the machine, which outlives the process
  std::shared_ptr<DiskFaults> faults_;      // shared with whoever makes the faults
  Random random_;
  std::map<std::uint64_t, std::unique_ptr<io::Timer>> timers_;
  std::uint64_t next_timer_ = 0;
};

}  // namespace polis::sim
