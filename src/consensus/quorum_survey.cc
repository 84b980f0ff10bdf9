#include "consensus/quorum_survey.hh"

#include <algorithm>
#include <bit>
#include <set>

#include "base/check.hh"

namespace polis::consensus {
namespace {

using Set = std::uint32_t;

class Looking {
 public:
  Looking(const Configuration& configuration, Phase phase) {
    all_ = configuration.voters;
    all_.insert(all_.end(), configuration.voters_outgoing.begin(),
                configuration.voters_outgoing.end());
    std::sort(all_.begin(), all_.end());
    all_.erase(std::unique(all_.begin(), all_.end()), all_.end());
    CHECK(all_.size() <= kMembersMax);
    quorum_.resize(std::size_t{1} << all_.size());
    for (Set set = 0; set < quorum_.size(); ++set) {
      quorum_[set] = is_quorum(configuration, phase, [&](ReplicaId id) {
        return (set >> (std::lower_bound(all_.begin(), all_.end(), id) - all_.begin()) & 1) != 0;
      });
    }
  }

  const std::vector<ReplicaId>& all() const { return all_; }
  Set everyone() const { return static_cast<Set>(quorum_.size() - 1); }
  bool is(Set set) const { return quorum_[set]; }

  // The largest N such that `left` still contains a quorum after the loss of any N of its voters.
  // -1: `left` contains no quorum.
  int survives(Set left) const {
    if (!is(left)) return -1;
    int fewest = std::popcount(left);
    for (Set lost = left; lost != 0; lost = (lost - 1) & left) {
      if (!is(left & ~lost)) fewest = std::min(fewest, std::popcount(lost) - 1);
    }
    return fewest;
  }

  std::vector<ReplicaId> names(Set set) const {
    std::vector<ReplicaId> ids;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if (set >> i & 1) ids.push_back(all_[i]);
    }
    return ids;
  }

 private:
  std::vector<ReplicaId> all_;
  std::vector<bool> quorum_;  // by set
};

Survey::Decides look(const Configuration& configuration, Phase phase) {
  const Looking looking(configuration, phase);
  const Set everyone = looking.everyone();
  Survey::Decides found;
  found.smallest = looking.all().size();
  for (Set set = 0; set <= everyone; ++set) {
    if (!looking.is(set)) continue;
    bool minimal = true;
    for (Set one = set; one != 0; one &= one - 1)
      minimal = minimal && !looking.is(set & ~(one & -one));
    found.quorums += minimal;
    found.smallest = std::min(found.smallest, static_cast<std::size_t>(std::popcount(set)));
  }
  found.losses_any = static_cast<std::size_t>(std::max(0, looking.survives(everyone)));
  found.losses_most = looking.all().size() - found.smallest;
  for (Set lost = 1; lost <= everyone; ++lost) {
    if (static_cast<std::size_t>(std::popcount(lost)) != found.losses_any + 1 ||
        looking.is(everyone & ~lost))
      continue;
    ++found.fatal_count;
    if (found.fatal.size() < Survey::kShownMax) found.fatal.push_back(looking.names(lost));
  }
  std::set<std::string> places;
  for (ReplicaId id : looking.all()) {
    const Member* member = configuration.find(id);
    if (member != nullptr && !member->place.empty()) places.insert(member->place);
  }
  for (const std::string& place : places) {
    Set left = everyone;
    for (std::size_t i = 0; i < looking.all().size(); ++i) {
      const Member* member = configuration.find(looking.all()[i]);
      if (member != nullptr && member->place == place) left &= ~(Set{1} << i);
    }
    found.places.emplace_back(place, looking.survives(left));
  }
  return found;
}

}  // namespace

Survey survey(const Configuration& configuration) {
  return {.voters = configuration.voters.size(),
          .elect = look(configuration, Phase::kElect),
          .commit = look(configuration, Phase::kCommit)};
}

}  // namespace polis::consensus
