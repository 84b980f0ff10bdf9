#include "replica/memory_shortage.hh"

#include <algorithm>

#include "consensus/quorum.hh"

namespace polis::replica {
namespace {

// What is kept free for a start, which reads the log while it makes the index anew (about three
// segments of the log), and for answers that are under way.
constexpr std::uint64_t kReservePercent = 15, kReserveMin = 64 << 20;
// Used less than the bound by this much, a replica is not short any more.
constexpr std::uint64_t kEnoughPercent = 5;

}  // namespace

void MemoryShortage::on_measured(std::uint64_t used, std::uint64_t allowed) {
  used_ = used;
  allowed_ = allowed;
  const std::uint64_t reserve =
      std::min(allowed / 2, std::max(allowed / 100 * kReservePercent, kReserveMin));
  const std::uint64_t hysteresis = short_ ? allowed / 100 * kEnoughPercent : 0;
  short_ = allowed > 0 && used > allowed - reserve - hysteresis;
}

void MemoryShortage::on_told(consensus::ReplicaId member, bool is_short, Instant now) {
  if (is_short) {
    told_[member] = now;
  } else {
    told_.erase(member);
  }
}

bool MemoryShortage::cell_is_short(const consensus::Configuration& configuration,
                                   consensus::ReplicaId own_id, Instant now) const {
  if (!short_ && told_.empty()) return false;
  return !consensus::is_quorum(configuration, consensus::Phase::kCommit,
                               [&](consensus::ReplicaId voter) {
                                 if (voter == own_id) return !short_;
                                 auto told = told_.find(voter);
                                 return told == told_.end() || now - told->second > kToldFor;
                               });
}

}  // namespace polis::replica
