#pragma once

// A file of the real disk; of io/ alone. Others use io::Disk.

#include <string>

#include "io/posix_disk.hh"

namespace polis::io {

// The error for errno: what was tried, on which path, the system's reason and what to do.
std::unexpected<Error> system_error(std::string_view action, const std::string& path);
// Through the page cache.
Result<void> write_all(int fd, std::uint64_t offset, std::string_view bytes,
                       const std::string& path);

class PosixFile : public File {
 public:
  // Takes the descriptor.
  PosixFile(PosixDisk& disk, int fd, std::string path);
  Result<void> write(std::uint64_t offset, std::string_view bytes) override;
  Result<std::string> read(std::uint64_t offset, std::size_t length) override;
  Result<std::uint64_t> size() override;
  Result<void> sync() override;
  void sync_later(Done done) override;

 protected:
  // Whether a sync is short enough to be made on the loop's thread.
  bool syncs_inline() const;
  // Makes the sync now, as `sync` does it, and counts its time.
  Result<void> sync_measured(const std::function<Result<void>()>& sync);
  // The sync of the system, on the syncer's thread.
  void sync_beside(Done done);
  int descriptor() const { return descriptor_->fd; }
  const std::string& path() const { return descriptor_->path; }

 private:
  // Shared with the syncer's thread, which may still be at work when the file is closed.
  struct Descriptor {
    Descriptor(int f, std::string p) : fd(f), path(std::move(p)) {}
    ~Descriptor();
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    Result<void> sync() const;
    int fd;
    std::string path;
  };

  PosixDisk& disk_;
  std::shared_ptr<const Descriptor> descriptor_;
};

}  // namespace polis::io
