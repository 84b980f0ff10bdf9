#pragma once

// Files, as the storage needs them. The real disk is io::PosixDisk, the simulated one
// sim::SimulatedDisk, which tears, forgets what was not synced, and fills up.
//
// Threads: the loop's. Callbacks come on the loop's thread, some before the call returns.
// Errors: kNoSpace for a full disk or quota, kNotFound, kIo with the path and the system's reason.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hh"

namespace polis::io {

using Done = std::function<void(Result<void>)>;

class File {
 public:
  virtual ~File() = default;
  // Writes all of `bytes` or fails. Not durable before a sync.
  virtual Result<void> write(std::uint64_t offset, std::string_view bytes) = 0;
  // Up to `length` bytes; fewer only at the file's end.
  virtual Result<std::string> read(std::uint64_t offset, std::size_t length) = 0;
  virtual Result<std::uint64_t> size() = 0;
  // Everything written before is durable when this returns.
  virtual Result<void> sync() = 0;
  // As sync, but does not hold the loop up longer than a fast disk needs. `done` is called once,
  // perhaps before this returns; the file must live until then. A failure is final, because nobody
  // knows what the disk holds: never sync the file again.
  virtual void sync_later(Done done) = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path) = 0;  // kNotFound
  // For a log: a file that is written from front to back in small parts, with a sync after each.
  // What lies behind the last write, up to the next multiple of 4 KiB, may become zero.
  virtual Result<std::unique_ptr<File>> open_log(const std::string& path) { return open(path); }
  virtual Result<std::unique_ptr<File>> create(const std::string& path) = 0;  // truncates
  // Makes a file of `size` zero bytes. When it returns, the file and its name are durable, so later
  // writes into it change no metadata. Takes long.
  virtual Result<void> create_zeroed(const std::string& path, std::uint64_t size) = 0;
  // The same on another thread.
  virtual void create_zeroed_later(const std::string& path, std::uint64_t size, Done done) = 0;
  virtual Result<void> make_directory(
      const std::string& path) = 0;  // and its parents; fine if it exists
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;  // names, sorted
  virtual Result<void> remove(const std::string& path) = 0;  // fine if it does not exist
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  // Makes creations, removals and renames in the directory durable.
  virtual Result<void> sync_directory(const std::string& directory) = 0;
  virtual Result<std::uint64_t> bytes_free(const std::string& directory) = 0;
  // The caller is going to write much to this disk. While the returned object lives, sync_later
  // never holds the loop up. May give null.
  virtual std::shared_ptr<void> expect_much() { return nullptr; }
};

}  // namespace polis::io
