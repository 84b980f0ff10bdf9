#pragma once

// Decides when the master compacts history without being asked: when history is older than a given
// time, or lies further back than a given number of revisions. If both are set, history goes as
// soon as one of them allows it. Only the master uses this.
//
// Threads: the loop's. Pure: time is handed in.

#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.hh"

namespace polis::replica {

struct AutoCompactionOptions {
  // History is kept for at least this time, and for up to a tenth more; after a change of the
  // master for up to twice as long. Zero: time does not matter.
  Duration keep_time{};
  // At least this many revisions are kept. Zero: their number does not matter.
  std::uint64_t keep_revisions = 0;

  bool on() const { return keep_time > Duration::zero() || keep_revisions > 0; }
};

class AutoCompaction {
 public:
  explicit AutoCompaction(AutoCompactionOptions options) : options_(options) {}

  // A new mastership begins: forgets which revision was the newest at which time.
  void reset() { noted_.clear(); }
  // The revision to compact to now. nullopt: there is nothing to compact, or too little to be worth
  // an entry in the log. `revision`, `compacted`: as Store::revision() and Store::compacted(). Call
  // it at least every keep_time / 10: it also notes which revision was the newest at which time.
  std::optional<std::uint64_t> due(Instant now, std::uint64_t revision, std::uint64_t compacted);

 private:
  struct Noted {
    Instant at;
    std::uint64_t revision;
  };
  AutoCompactionOptions options_;
  std::deque<Noted> noted_;  // rising times, kSamples of them in keep_time
};

}  // namespace polis::replica
