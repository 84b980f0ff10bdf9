#pragma once

// Decides when history is compacted by itself: what is older than some time, or further back than
// some number of revisions, goes. Pure; the master alone asks it.

#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.hh"

namespace polis::replica {

struct AutoCompactionOptions {
  // History of this length is kept at least, after a change of the master for up to twice as long.
  // Zero: time does not matter.
  Duration keep_time{};
  // So many revisions are kept at least. Zero: their number does not matter.
  std::uint64_t keep_revisions = 0;

  bool on() const { return keep_time > Duration::zero() || keep_revisions > 0; }
};

class AutoCompaction {
 public:
  explicit AutoCompaction(AutoCompactionOptions options) : options_(options) {}

  // A new mastership: what was noted of the past may be another's.
  void reset() { noted_.clear(); }
  // The revision to compact to now, if it is worth an entry in the log. Call often.
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
