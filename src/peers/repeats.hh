#pragma once

// Keeps log lines that would repeat many times a second from filling the log: each line is written
// once, and again ten minutes later with how often it was left out.
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
  // This many different lines are remembered. Beyond it, the line that was written longest ago is
  // forgotten.
  static constexpr std::size_t kTextsMax = 64;

  // nullopt: leave the line out. Else write it; the number is how often it was left out since it
  // was last written.
  std::optional<std::uint64_t> say(const std::string& text, Instant now);

 private:
  struct Said {
    Instant at;
    std::uint64_t left_out = 0;
  };
  std::map<std::string, Said> said_;
};

}  // namespace polis::peers
