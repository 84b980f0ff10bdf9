#include "replica/sync_times.hh"

#include <algorithm>

namespace polis::replica {
namespace {

constexpr Duration kSyncWindow = std::chrono::seconds(10);

}  // namespace

void SyncTimes::add(Duration took, Instant now) {
  ++count;
  average = average == Duration() ? took : average + (took - average) / 16;
  if (now - window_ >= kSyncWindow) {
    worst_before_ = now - window_ >= 2 * kSyncWindow ? Duration() : worst_now_;
    worst_now_ = {};
    window_ = now;
  }
  worst_now_ = std::max(worst_now_, took);
  worst = std::max(worst_now_, worst_before_);
}

}  // namespace polis::replica
