#include "replica/disk_space.hh"

#include <algorithm>

#include "consensus/quorum.hh"

namespace polis::replica {

using consensus::ReplicaId;

void DiskSpace::on_measured(std::uint64_t free, std::uint64_t reusable) {
  free_ = free;
  reusable_ = reusable;
}

DiskSpace::Level DiskSpace::own() const {
  if (free_ < min_ / 4) return Level::kExhausted;
  if (engine_refused_ || free_ < min_ / 2 || free_ + reusable_ < min_) return Level::kReserve;
  return Level::kEnough;
}

void DiskSpace::on_told(ReplicaId member, Level level, Instant now) {
  std::erase_if(told_, [now](const auto& one) { return now - one.second.at > kToldFor; });
  if (level == Level::kEnough) {
    told_.erase(member);
  } else {
    told_[member] = {level, now};
  }
}

DiskSpace::Level DiskSpace::level_of(ReplicaId member, ReplicaId own_id, Instant now) const {
  if (member == own_id) return own();
  auto told = told_.find(member);
  return told == told_.end() || now - told->second.at > kToldFor ? Level::kEnough
                                                                 : told->second.level;
}

bool DiskSpace::has_room(ReplicaId member, ReplicaId own_id, Instant now) const {
  return level_of(member, own_id, now) == Level::kEnough;
}

std::vector<ReplicaId> DiskSpace::full(ReplicaId own_id, Instant now) const {
  std::vector<ReplicaId> found;
  if (own() != Level::kEnough) found.push_back(own_id);
  for (const auto& [member, told] : told_) {
    if (member != own_id && !has_room(member, own_id, now)) found.push_back(member);
  }
  std::ranges::sort(found);
  return found;
}

bool DiskSpace::cell_is_full(const consensus::Configuration& configuration, ReplicaId own_id,
                             Instant now) const {
  if (told_.empty() && own() == Level::kEnough) return false;
  return !consensus::is_quorum(configuration, consensus::Phase::kCommit,
                               [&](ReplicaId voter) { return has_room(voter, own_id, now); });
}

bool DiskSpace::should_stand_still(const consensus::Configuration& configuration, ReplicaId own_id,
                                   Instant now) const {
  if (own() != Level::kExhausted) return false;
  return consensus::is_quorum(configuration, consensus::Phase::kCommit, [&](ReplicaId voter) {
    return level_of(voter, own_id, now) != Level::kExhausted;
  });
}

}  // namespace polis::replica
