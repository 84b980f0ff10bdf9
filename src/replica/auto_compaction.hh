#pragma once

// Decides when history is compacted by itself: history goes when it is older than a time, or
// further back than a number of revisions. The master alone asks it.
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

  // A new mastership begins: what was noted before is forgotten.
  void reset() { noted_.clear(); }
  // The revision to compact to now; nothing: there is none, or it is not worth an entry in the log.
  // `revision`, `compacted`: the store's. Call it often: it also notes which revision was the
  // newest when.
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
