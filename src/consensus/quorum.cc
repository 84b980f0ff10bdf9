#include "consensus/quorum.hh"

#include <algorithm>
#include <array>
#include <limits>

#include "base/check.hh"

namespace polis::consensus {
namespace {

std::uint64_t majority_reached(const std::vector<ReplicaId>& voters,
                               const std::function<std::uint64_t(ReplicaId)>& reached) {
  if (voters.empty()) return std::numeric_limits<std::uint64_t>::max();
  CHECK(voters.size() <= kMembersMax);
  std::array<std::uint64_t, kMembersMax> values;
  for (std::size_t i = 0; i < voters.size(); ++i) values[i] = reached(voters[i]);
  auto end = values.begin() + static_cast<std::ptrdiff_t>(voters.size());
  std::sort(values.begin(), end, std::greater<>());
  return values[voters.size() / 2];
}

Verdict majority_vote(const std::vector<ReplicaId>& voters,
                      const std::function<int(ReplicaId)>& vote) {
  std::size_t granted = 0, refused = 0;
  for (ReplicaId id : voters) {
    int answer = vote(id);
    granted += answer > 0;
    refused += answer < 0;
  }
  std::size_t needed = voters.size() / 2 + 1;
  if (voters.empty() || granted >= needed) return Verdict::kWon;
  return voters.size() - refused < needed ? Verdict::kLost : Verdict::kPending;
}

}  // namespace

std::uint64_t quorum_reached(const Configuration& configuration,
                             const std::function<std::uint64_t(ReplicaId)>& reached) {
  return std::min(majority_reached(configuration.voters, reached),
                  majority_reached(configuration.voters_outgoing, reached));
}

Verdict quorum_vote(const Configuration& configuration, const std::function<int(ReplicaId)>& vote) {
  Verdict incoming = majority_vote(configuration.voters, vote);
  Verdict outgoing = majority_vote(configuration.voters_outgoing, vote);
  if (incoming == Verdict::kLost || outgoing == Verdict::kLost) return Verdict::kLost;
  if (incoming == Verdict::kWon && outgoing == Verdict::kWon) return Verdict::kWon;
  return Verdict::kPending;
}

}  // namespace polis::consensus
