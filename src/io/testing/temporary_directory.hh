#pragma once

// For tests: a directory that is gone, with all that is in it, when the object is.

#include <filesystem>
#include <string>

#include "io/reactor.hh"

namespace polis::io {

class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(
      const std::filesystem::path& parent = std::filesystem::temp_directory_path())
      : path_((parent / ("polis-io-" + std::to_string(entropy()))).string()) {
    std::filesystem::create_directories(path_);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace polis::io
