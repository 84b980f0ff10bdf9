#include "replica/memory_shortage.hh"

#include "consensus/quorum.hh"

namespace polis::replica {
namespace {

constexpr std::uint64_t kShortPercent = 85, kEnoughPercent = 80;

}  // namespace

void MemoryShortage::on_measured(std::uint64_t used, std::uint64_t allowed) {
  used_ = used;
  allowed_ = allowed;
  const std::uint64_t bound = allowed / 100 * (short_ ? kEnoughPercent : kShortPercent);
  short_ = allowed > 0 && used > bound;
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
