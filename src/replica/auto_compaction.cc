#include "replica/auto_compaction.hh"

#include <algorithm>

namespace polis::replica {
namespace {

// How finely time is measured out: history is kept for keep_time and up to a tenth more.
constexpr int kSamples = 10;
// Compacting costs an entry: a tenth of what is kept has to be won, or so many revisions.
constexpr std::uint64_t kWorthwhileMax = 1000;

}  // namespace

std::optional<std::uint64_t> AutoCompaction::due(Instant now, std::uint64_t revision,
                                                 std::uint64_t compacted) {
  std::uint64_t target = 0;
  if (options_.keep_time > Duration::zero()) {
    if (noted_.empty() || now - noted_.back().at >= options_.keep_time / kSamples)
      noted_.push_back({now, revision});
    while (!noted_.empty() && now - noted_.front().at >= options_.keep_time) {
      target = noted_.front().revision;
      noted_.pop_front();
    }
  }
  if (options_.keep_revisions > 0 && revision > options_.keep_revisions) {
    std::uint64_t oldest = revision - options_.keep_revisions;
    std::uint64_t worthwhile =
        std::clamp<std::uint64_t>(options_.keep_revisions / 10, 1, kWorthwhileMax);
    if (oldest >= compacted + worthwhile) target = std::max(target, oldest);
  }
  if (target <= compacted || target > revision) return std::nullopt;
  return target;
}

}  // namespace polis::replica
