#include "consensus/quorum.hh"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <map>

#include "base/check.hh"

namespace polis::consensus {
namespace {

using Voters = std::vector<ReplicaId>;
using In = std::function<bool(ReplicaId)>;

// How many voters make a quorum, for the rules that only count them.
std::size_t needed(const QuorumRule& rule, Phase phase, std::size_t voters) {
  if (rule.kind == QuorumKind::kMajority) return voters / 2 + 1;
  return static_cast<std::size_t>(phase == Phase::kElect ? rule.elect : rule.commit);
}

bool majority_of_places(const Configuration& configuration, const Voters& voters, const In& in) {
  struct Place {
    std::size_t all = 0, in = 0;
  };
  std::map<std::string_view, Place> places;
  for (ReplicaId id : voters) {
    const Member* member = configuration.find(id);
    Place& place = places[member != nullptr ? std::string_view(member->place) : ""];
    ++place.all;
    place.in += in(id);
  }
  const auto won =
      static_cast<std::size_t>(std::count_if(places.begin(), places.end(), [](const auto& place) {
        return place.second.in > place.second.all / 2;
      }));
  return won > places.size() / 2;
}

bool set_is_quorum(const Configuration& configuration, const Voters& voters, Phase phase,
                   const In& in) {
  if (voters.empty()) return true;
  if (configuration.quorum.kind == QuorumKind::kPlaces)
    return majority_of_places(configuration, voters, in);
  const auto count = static_cast<std::size_t>(std::count_if(voters.begin(), voters.end(), in));
  return count >= needed(configuration.quorum, phase, voters.size());
}

std::uint64_t set_reached(const Configuration& configuration, const Voters& voters, Phase phase,
                          const std::function<std::uint64_t(ReplicaId)>& reached) {
  if (voters.empty()) return std::numeric_limits<std::uint64_t>::max();
  CHECK(voters.size() <= kMembersMax);
  std::array<std::uint64_t, kMembersMax> values;
  for (std::size_t i = 0; i < voters.size(); ++i) values[i] = reached(voters[i]);
  auto end = values.begin() + static_cast<std::ptrdiff_t>(voters.size());
  std::sort(values.begin(), end, std::greater<>());
  if (configuration.quorum.kind != QuorumKind::kPlaces) {
    const std::size_t count = needed(configuration.quorum, phase, voters.size());
    return count <= voters.size() ? values[count - 1] : 0;
  }
  for (auto value = values.begin(); value != end; ++value) {
    if (majority_of_places(configuration, voters,
                           [&](ReplicaId id) { return reached(id) >= *value; }))
      return *value;
  }
  return 0;
}

std::string names_of(const Configuration& configuration, const Voters& ids) {
  std::string text;
  for (ReplicaId id : ids) text += (text.empty() ? "" : ", ") + configuration.name_of(id);
  return text;
}

Result<void> check_rule(const Configuration& configuration) {
  const QuorumRule& rule = configuration.quorum;
  if (rule.kind == QuorumKind::kFlexible) {
    for (std::size_t n : {configuration.voters.size(), configuration.voters_outgoing.size()}) {
      if (n == 0 || (rule.elect >= 1 && rule.commit >= 1 && rule.elect <= n && rule.commit <= n))
        continue;
      return fail(ErrorCode::kInvalid,
                  fmt::format("quorum {} cannot be of {} voters: each number is 1 to {}",
                              to_string(rule), n, n));
    }
  }
  if (rule.kind != QuorumKind::kPlaces) return {};
  for (ReplicaId id : configuration.everyone()) {
    const Member* member = configuration.find(id);
    if (configuration.is_voter(id) && (member == nullptr || member->place.empty())) {
      return fail(ErrorCode::kInvalid, fmt::format("quorum places: nobody has said in which place "
                                                   "member {} is",
                                                   configuration.name_of(id)));
    }
  }
  return {};
}

}  // namespace

bool is_quorum(const Configuration& configuration, Phase phase, const In& in) {
  return set_is_quorum(configuration, configuration.voters, phase, in) &&
         set_is_quorum(configuration, configuration.voters_outgoing, phase, in);
}

std::uint64_t quorum_reached(const Configuration& configuration, Phase phase,
                             const std::function<std::uint64_t(ReplicaId)>& reached) {
  return std::min(set_reached(configuration, configuration.voters, phase, reached),
                  set_reached(configuration, configuration.voters_outgoing, phase, reached));
}

Verdict quorum_vote(const Configuration& configuration, Phase phase,
                    const std::function<int(ReplicaId)>& vote) {
  if (is_quorum(configuration, phase, [&](ReplicaId id) { return vote(id) > 0; }))
    return Verdict::kWon;
  const bool possible =
      is_quorum(configuration, phase, [&](ReplicaId id) { return vote(id) >= 0; });
  return possible ? Verdict::kPending : Verdict::kLost;
}

// Tries every set of voters against the rest of them. There are at most nine voters, or ten while
// one replaces another: a thousand sets.
Result<void> check_quorums(const Configuration& configuration) {
  if (configuration.voters.empty()) return {};  // a replica that joins does not know them yet
  if (auto done = check_rule(configuration); !done) return done;
  Voters all = configuration.voters;
  all.insert(all.end(), configuration.voters_outgoing.begin(), configuration.voters_outgoing.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  CHECK(all.size() <= kMembersMax);
  for (std::uint32_t chosen = 0; chosen < 1U << all.size(); ++chosen) {
    auto in = [&](ReplicaId id) {
      const auto place = std::lower_bound(all.begin(), all.end(), id) - all.begin();
      return (chosen >> place & 1) != 0;
    };
    if (!is_quorum(configuration, Phase::kCommit, in) ||
        !is_quorum(configuration, Phase::kElect, [&](ReplicaId id) { return !in(id); }))
      continue;
    Voters commit, elect;
    for (ReplicaId id : all) (in(id) ? commit : elect).push_back(id);
    return fail(
        ErrorCode::kInvalid,
        fmt::format(
            "quorum {} is not safe: {} could commit what {}, electing another master, would "
            "never hear of; every set that elects has to share a voter with every set that "
            "commits",
            to_string(configuration.quorum), names_of(configuration, commit),
            names_of(configuration, elect)));
  }
  return {};
}

Result<QuorumRule> parse_quorum(std::string_view text) {
  if (text.empty() || text == "majority") return QuorumRule{};
  if (text == "places") return QuorumRule{.kind = QuorumKind::kPlaces};
  QuorumRule rule{.kind = QuorumKind::kFlexible};
  if (text.starts_with("flexible:")) {
    const char* end = text.data() + text.size();
    auto first = std::from_chars(text.data() + 9, end, rule.elect);
    if (first.ec == std::errc() && first.ptr != end && *first.ptr == ',') {
      auto second = std::from_chars(first.ptr + 1, end, rule.commit);
      if (second.ec == std::errc() && second.ptr == end) return rule;
    }
  }
  return fail(ErrorCode::kInvalid,
              fmt::format("'{}' is no quorum: known are majority, flexible:ELECT,COMMIT as in "
                          "flexible:4,2, and places",
                          text));
}

std::string to_string(const QuorumRule& rule) {
  switch (rule.kind) {
    case QuorumKind::kMajority:
      return "majority";
    case QuorumKind::kFlexible:
      return fmt::format("flexible:{},{}", rule.elect, rule.commit);
    case QuorumKind::kPlaces:
      return "places";
  }
  return "?";
}

}  // namespace polis::consensus
