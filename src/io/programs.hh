#pragma once

// Programs as files: finding one as a shell would, and putting one that this binary carries where
// the system can run it.
//
// Threads: any.

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hh"

namespace polis::io {

// The absolute path of a program that can be run. A word without a slash is looked for in
// `search_path` (as PATH, empty: the system's usual places), a relative one from `directory`.
// kNotFound: there is none. kInvalid: it is a directory, or may not be run.
Result<std::string> find_program(std::string_view word, std::string_view search_path,
                                 const std::string& directory);

// kNotFound: it is not there. kInvalid: it is something else.
Result<void> check_directory(const std::string& path);

// A program that lies where it can be run, for as long as this object lives.
class PlacedProgram {
 public:
  // Into DIRECTORY/NAME-DIGEST, with what was left there by other releases removed: who runs them
  // keeps them. Into memory if that is a file system that runs no programs (noexec), or takes none
  // (full, read-only). kIo, kNoSpace: neither works.
  static Result<PlacedProgram> place(const std::string& directory, std::string_view name,
                                     std::string_view bytes);
  // Valid for this process and its children alone, if it lies in memory.
  const std::string& path() const { return path_; }
  bool in_memory() const { return memory_.use_count() > 0; }

 private:
  Result<void> place_as_file(const std::string& directory, std::string_view name,
                             std::string_view bytes);
  Result<void> place_in_memory(std::string_view name, std::string_view bytes);
  std::string path_;
  std::shared_ptr<void> memory_;  // shared by copies; closes the descriptor
};

}  // namespace polis::io
