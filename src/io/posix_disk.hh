#pragma once

// The real disk. While syncs are fast, they run on the loop's own thread, which saves passing them
// to another thread and back. When they take longer than kSyncInlineMax on average, they run on a
// thread of their own.
//
// Threads: the loop's. Life: must outlive its files. The free functions below may be called on any
// thread; they block.

#include <memory>

#include "base/metrics.hh"
#include "base/time.hh"
#include "io/disk.hh"
#include "io/loop.hh"
#include "io/worker.hh"

namespace polis::io {

// Passing a sync to another thread costs about 50 us each way. Above this average a sync on the
// loop's thread would hold up readers more than that.
inline constexpr Duration kSyncInlineMax = std::chrono::microseconds(400);

class PosixDisk final : public Disk {
 public:
  explicit PosixDisk(Loop& loop)
      : loop_(loop), syncer_("polis-sync"), filler_("polis-fill"), remover_("polis-remove") {}

  Result<std::unique_ptr<File>> open(const std::string& path) override;
  Result<std::unique_ptr<File>> open_log(const std::string& path) override;
  Result<std::unique_ptr<File>> create(const std::string& path) override;
  Result<void> create_zeroed(const std::string& path, std::uint64_t size) override;
  void create_zeroed_later(const std::string& path, std::uint64_t size, Done done) override;
  Result<void> make_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<void> remove(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> sync_directory(const std::string& directory) override;
  Result<std::uint64_t> bytes_free(const std::string& directory) override;
  std::shared_ptr<void> expect_much() override;

  // A moving average of how long a sync takes.
  Duration sync_average() const { return sync_average_; }
  // How long the system took for each File::sync_later, since the process started.
  const DurationHistogram& sync_times() const { return sync_times_; }

 private:
  friend class PosixFile;
  void on_synced(Duration took);

  Loop& loop_;
  Duration sync_average_{};
  DurationHistogram sync_times_{std::chrono::milliseconds(1), 14};
  // How many objects of expect_much() live. They share it, and may outlive this object.
  std::shared_ptr<int> expected_ = std::make_shared<int>(0);
  Worker syncer_;
  Worker filler_;
  Worker remover_;
};

// The time by the clock of Loop::now, on any thread.
Instant boot_now();

// Whether this errno says that a disk, a quota or a file size limit is used up.
bool means_no_space(int number);

// Locks the directory for this process, until the returned object is destroyed or the process ends.
// kUnavailable: another process holds the lock.
Result<std::shared_ptr<void>> lock_directory(const std::string& directory);

// Whether a process holds a lock (flock) on the file. False also if there is no such file.
Result<bool> is_locked(const std::string& path);

// Read and write whole small files: settings, identities, certificates. A write is atomic.
// kNotFound, kNoSpace, kIo: as File and Disk.
enum class Readable { kByOwner, kByAll };
enum class Durable { kYes, kNo };  // kNo: a loss of power may undo it; for what means nothing then
Result<std::string> read_file(const std::string& path);
Result<void> write_file_atomically(const std::string& path, std::string_view bytes,
                                   Readable readable = Readable::kByOwner,
                                   Durable durable = Durable::kYes);

}  // namespace polis::io
