#pragma once

// Lines for the log that would repeat many times a second: each is said once, and again after a
// while with how often it came.
//
// Threads: one.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/time.hh"

namespace polis::peers {

class Repeats {
 public:
  static constexpr Duration kSayAgainAfter = std::chrono::minutes(10);
  // Different texts that are remembered; beyond it the one that was said first is forgotten.
  static constexpr std::size_t kTextsMax = 64;

  // Nothing: leave the line out. Else say it; the number is how often it was left out since it was
  // last said.
  std::optional<std::uint64_t> say(const std::string& text, Instant now);

 private:
  struct Said {
    Instant at;
    std::uint64_t left_out = 0;
  };
  std::map<std::string, Said> said_;
};

}  // namespace polis::peers
