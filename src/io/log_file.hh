#pragma once

// A file that is written from front to back and synced after every few bytes: a write-ahead log.
//
// A sync of few bytes through the page cache costs a copy, a write and a flush that the kernel does
// one after the other under its locks. Here what was written since the last sync stays in memory
// until the next one, which writes whole blocks past the page cache and makes them durable in one
// call (O_DIRECT with O_DSYNC): on a virtio disk a fifth less time, and 10 to 20 % less for one
// client's put. More than kDirectMax at a time goes through the page cache, as in any file, and so
// does everything where the file system does not write in place (only ext4 and xfs are known to),
// refuses O_DIRECT, or is slow enough for a thread of its own.
//
// What Disk::open_log promises holds: what lies behind the last write, up to the end of its block
// of 4 KiB, may become zero.
//
// Threads: the loop's.

#include "io/posix_file.hh"

namespace polis::io {

class LogFile final : public PosixFile {
 public:
  static constexpr std::size_t kBlock = 4096;
  static constexpr std::size_t kDirectMax = 64 << 10;

  // Takes the descriptor, which must be open for reading and writing.
  LogFile(PosixDisk& disk, int fd, std::string path);
  // What was written and not synced goes into the page cache: the file has it, durable or not.
  ~LogFile() override;

  Result<void> write(std::uint64_t offset, std::string_view bytes) override;
  Result<std::string> read(std::uint64_t offset, std::size_t length) override;
  Result<void> sync() override;
  void sync_later(Done done) override;

  // Whether small syncs go past the page cache.
  bool direct() const { return direct_ >= 0; }

 private:
  // The block that `offset` lies in becomes the start of the kept bytes.
  Result<void> begin_at(std::uint64_t offset);
  bool dirty() const { return written_ < kept_.size(); }
  // Writes what is only here through the page cache.
  Result<void> spill();
  // Makes everything durable, on this thread.
  Result<void> flush();
  // One write past the page cache. False: it cannot be done so here, and nothing is lost.
  Result<bool> write_direct();
  // What was written before the last block is not needed any more.
  void forget_blocks();

  int direct_ = -1;          // a second descriptor of the file
  std::uint64_t base_ = 0;   // offset of kept_[0]; a multiple of kBlock
  std::string kept_;         // the file's content from base_ to the end of the last write
  std::size_t written_ = 0;  // so many bytes of kept_ are in the file
  std::uint64_t spills_ = 0, spills_synced_ = 0;  // writes through the page cache
};

}  // namespace polis::io
