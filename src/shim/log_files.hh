#pragma once

// Where an instance's output is kept: files LOG_DIRECTORY/00000001.log and so on, each of bounded
// size, of which the oldest goes when there are more than so many. So output has a bound on disk,
// and whoever reads follows the numbers. What cannot be written, because the disk is full, say, is
// dropped and counted; a line in the file says so where it happened.
//
// For the shim's own program alone.
//
// Threads: the disk thread's.

#include <atomic>

#include "shim/spec.hh"
#include "shim/system.hh"

namespace polis::shim {

inline constexpr std::uint64_t kLogBytesDefault = 8 << 20;
inline constexpr std::uint64_t kLogFilesDefault = 4;

// Written by both threads, read by both.
struct OutputCounts {
  std::atomic<std::uint64_t> bytes{0};    // that the instance wrote
  std::atomic<std::uint64_t> dropped{0};  // of these, not kept
  std::atomic<int> error{0};              // errno of the last write; 0: it worked
};

class LogFiles {
 public:
  LogFiles(const Spec& spec, OutputCounts& counts);
  void write(std::string_view bytes);
  // The next byte goes into a new file.
  void rotate() { file_.reset(); }

 private:
  bool open_next();
  void find_last();
  void remove_old() const;
  std::size_t append(std::string_view bytes);
  void mark_dropped();
  Line path(std::uint64_t number) const;

  OutputCounts& counts_;
  std::string_view directory_;  // with its final zero byte; empty: nothing is kept
  const std::uint64_t bytes_max_;
  const std::uint64_t files_max_;
  Descriptor file_;
  std::uint64_t size_ = 0;    // of the file
  std::uint64_t number_ = 0;  // of the file; 0: not looked yet
  std::uint64_t marked_ = 0;  // dropped bytes that the file tells of
  bool line_open_ = false;    // what was written last does not end a line
};

}  // namespace polis::shim
