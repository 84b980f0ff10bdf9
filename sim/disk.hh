#pragma once

// A simulated disk. What was not synced may be lost, kept, or torn at sector borders when the
// machine crashes; a sync takes time; the disk can be full, stall, and fail.
//
// Contents live in DiskContents, which outlives the process.

#include <map>
#include <memory>
#include <string>

#include "io/disk.hh"
#include "io/loop.hh"
#include "sim/world.hh"

namespace polis::sim {

inline constexpr std::size_t kSectorBytes = 512;

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

  // What the machine finds when it starts again.
  void crash(Random& random);
  // A bit flips at this byte, or the write of its sector was lost, or went where another's was to
  // go. Says what was done; nothing if there is no such file.
  std::string rot(Random& random, const std::string& path, std::uint64_t offset);
  // All files of a directory are gone, or have lost what was in them.
  void lose(const std::string& directory);
  void empty(const std::string& directory);
  // The file ends here, and those of its directory that come behind it are gone.
  void cut(const std::string& path, std::uint64_t offset);
};

struct DiskFaults {
  Duration sync_min = std::chrono::microseconds(50);
  Duration sync_max = std::chrono::microseconds(500);
  double stall = 0;  // chance that a sync takes stall_length
  Duration stall_length = std::chrono::milliseconds(200);
  bool full = false;
  bool fail_sync = false;    // the next one fails; what it was to make durable never is
  bool sync_failed = false;  // one has
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
