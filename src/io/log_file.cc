#include "io/log_file.hh"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/check.hh"

namespace polis::io {
namespace {

constexpr long kXfs = 0x58465342;  // not in linux/magic.h of every kernel

// File systems that write a block where it is. Others need space for each write, so that a full
// disk would show in the sync, whose failure is final, and not in the write.
bool writes_in_place(int fd) {
  struct statfs info;
  if (::fstatfs(fd, &info) != 0) return false;
  return info.f_type == EXT4_SUPER_MAGIC || info.f_type == kXfs;
}

// The bytes of one sync, and what stands before them in their first block.
constexpr std::size_t kMemory = LogFile::kDirectMax + LogFile::kBlock;

// O_DIRECT wants memory at a multiple of the block.
struct Free {
  void operator()(char* memory) const { std::free(memory); }
};
char* direct_memory() {
  thread_local const std::unique_ptr<char, Free> memory(
      static_cast<char*>(std::aligned_alloc(LogFile::kBlock, kMemory)));
  CHECK(memory != nullptr);
  return memory.get();
}

constexpr std::size_t whole_blocks(std::size_t bytes) {
  return (bytes + LogFile::kBlock - 1) / LogFile::kBlock * LogFile::kBlock;
}

}  // namespace

LogFile::LogFile(PosixDisk& disk, int fd, std::string path) : PosixFile(disk, fd, std::move(path)) {
  if (writes_in_place(fd))
    direct_ = ::open(this->path().c_str(), O_WRONLY | O_CLOEXEC | O_DIRECT | O_DSYNC);
}

LogFile::~LogFile() {
  [[maybe_unused]] auto spilled = spill();
  if (direct_ >= 0) ::close(direct_);
}

Result<void> LogFile::begin_at(std::uint64_t offset) {
  if (auto spilled = spill(); !spilled) return spilled;
  base_ = offset / kBlock * kBlock;
  auto before = PosixFile::read(base_, offset - base_);
  if (!before) return std::unexpected(before.error());
  kept_ = std::move(*before);
  kept_.resize(offset - base_, '\0');  // behind the file's end
  written_ = kept_.size();
  return {};
}

Result<void> LogFile::write(std::uint64_t offset, std::string_view bytes) {
  if (direct_ < 0) return PosixFile::write(offset, bytes);
  if (bytes.size() > kDirectMax) {
    if (auto spilled = spill(); !spilled) return spilled;
    kept_.clear();
    written_ = 0;
    ++spills_;
    return PosixFile::write(offset, bytes);
  }
  if (kept_.empty() || offset != base_ + kept_.size()) {
    if (auto begun = begin_at(offset); !begun) return begun;
  }
  kept_ += bytes;
  if (kept_.size() - written_ <= kDirectMax) return {};
  return spill();
}

Result<std::string> LogFile::read(std::uint64_t offset, std::size_t length) {
  if (auto spilled = spill(); !spilled) return std::unexpected(spilled.error());
  return PosixFile::read(offset, length);
}

Result<void> LogFile::spill() {
  if (!dirty()) return {};
  auto done = PosixFile::write(base_ + written_, std::string_view(kept_).substr(written_));
  if (!done) return done;
  written_ = kept_.size();
  ++spills_;
  forget_blocks();
  return {};
}

void LogFile::forget_blocks() {
  const std::size_t whole = written_ / kBlock * kBlock;
  kept_.erase(0, whole);
  base_ += whole;
  written_ -= whole;
}

Result<bool> LogFile::write_direct() {
  const std::size_t bytes = whole_blocks(kept_.size());
  char* memory = direct_memory();
  std::memcpy(memory, kept_.data(), kept_.size());
  std::memset(memory + kept_.size(), 0, bytes - kept_.size());
  for (;;) {
    const ssize_t n = ::pwrite(direct_, memory, bytes, static_cast<off_t>(base_));
    if (n == static_cast<ssize_t>(bytes)) return true;
    if (n < 0 && errno == EINTR) continue;
    // A part of it was written, or the device wants larger blocks: the page cache can do it.
    if (n >= 0 || errno == EINVAL || errno == EOPNOTSUPP) return false;
    return system_error("write", path());
  }
}

Result<void> LogFile::flush() {
  if (spills_ == spills_synced_ && dirty()) {
    auto done = write_direct();
    if (!done) return std::unexpected(done.error());
    if (*done) {
      written_ = kept_.size();
      forget_blocks();
      return {};
    }
    ::close(direct_);
    direct_ = -1;
  }
  if (auto spilled = spill(); !spilled) return spilled;
  auto synced = PosixFile::sync();
  if (synced) spills_synced_ = spills_;
  return synced;
}

Result<void> LogFile::sync() { return direct_ < 0 ? PosixFile::sync() : flush(); }

void LogFile::sync_later(Done done) {
  if (direct_ < 0) return PosixFile::sync_later(std::move(done));
  if (syncs_inline()) return done(sync_measured([this] { return flush(); }));
  if (auto spilled = spill(); !spilled) return done(spilled);
  // Until a sync on this thread has covered them, spilled bytes are not known to be durable here:
  // the file may be gone when the other thread reports.
  sync_beside(std::move(done));
}

}  // namespace polis::io
