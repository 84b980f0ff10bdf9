// The rules against a slow and obvious version of each, for every set of voters.

#include "consensus/quorum.hh"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/random.hh"

namespace polis::consensus {
namespace {

Configuration voters(std::initializer_list<std::uint64_t> ids) {
  Configuration c;
  for (auto id : ids) c.voters.emplace_back(id);
  return c;
}

Configuration flexible(std::uint64_t n, std::uint64_t elect, std::uint64_t commit) {
  Configuration c;
  for (std::uint64_t id = 1; id <= n; ++id) c.voters.emplace_back(id);
  c.quorum = {QuorumKind::kFlexible, elect, commit};
  return c;
}

Configuration placed(const std::vector<std::string>& places) {
  Configuration c;
  for (std::uint64_t i = 0; i < places.size(); ++i) {
    c.voters.emplace_back(i + 1);
    c.put({.id = ReplicaId(i + 1),
           .name = std::string(1, static_cast<char>('a' + i)),
           .place = places[i]});
  }
  c.quorum = {.kind = QuorumKind::kPlaces};
  return c;
}

TEST(Quorum, the_middle_value_counts) {
  std::map<ReplicaId, std::uint64_t> match{
      {ReplicaId(1), 5}, {ReplicaId(2), 9}, {ReplicaId(3), 7}, {ReplicaId(4), 1}};
  auto reached = [&](ReplicaId id) { return match[id]; };
  EXPECT_EQ(quorum_reached(voters({1}), Phase::kCommit, reached), 5u);
  EXPECT_EQ(quorum_reached(voters({1, 2}), Phase::kCommit, reached), 5u);
  EXPECT_EQ(quorum_reached(voters({1, 2, 3}), Phase::kCommit, reached), 7u);
  EXPECT_EQ(quorum_reached(voters({1, 2, 3, 4}), Phase::kCommit, reached), 5u);
}

TEST(Quorum, a_joint_configuration_needs_both_sets) {
  Configuration c = voters({1, 2, 3});
  c.voters_outgoing = {ReplicaId(3), ReplicaId(4), ReplicaId(5)};
  EXPECT_EQ(quorum_reached(c, Phase::kCommit, [](ReplicaId id) { return id.value <= 3 ? 9 : 2; }),
            2u);
  auto vote = [](ReplicaId id) { return id.value <= 3 ? 1 : 0; };
  EXPECT_EQ(quorum_vote(c, Phase::kElect, vote), Verdict::kPending);
  EXPECT_EQ(quorum_vote(c, Phase::kElect, [](ReplicaId id) { return id.value <= 3 ? 1 : -1; }),
            Verdict::kLost);
}

// Two sets that both reach a value always share a voter: compared with counting, for every pattern
// of five.
TEST(Quorum, agrees_with_plain_counting) {
  Configuration c = voters({1, 2, 3, 4, 5});
  for (unsigned pattern = 0; pattern < 243; ++pattern) {
    int values[5], granted = 0, refused = 0;
    for (unsigned i = 0, p = pattern; i < 5; ++i, p /= 3) {
      values[i] = static_cast<int>(p % 3) - 1;
      granted += values[i] > 0;
      refused += values[i] < 0;
    }
    auto verdict =
        quorum_vote(c, Phase::kElect, [&](ReplicaId id) { return values[id.value - 1]; });
    EXPECT_EQ(verdict, granted >= 3   ? Verdict::kWon
                       : refused >= 3 ? Verdict::kLost
                                      : Verdict::kPending);
  }
}

// Slow and obvious: a set is one if its places, each with more than half of its voters in the set,
// are more than half of the places.
bool plainly(const Configuration& c, const std::vector<ReplicaId>& all, Phase phase,
             const std::set<ReplicaId>& in) {
  std::size_t count = 0;
  std::map<std::string, std::pair<int, int>> places;
  for (ReplicaId id : all) {
    count += in.contains(id);
    auto& place = places[c.find(id) != nullptr ? c.find(id)->place : ""];
    ++place.first;
    place.second += in.contains(id);
  }
  switch (c.quorum.kind) {
    case QuorumKind::kMajority:
      return all.empty() || 2 * count > all.size();
    case QuorumKind::kFlexible:
      return all.empty() || count >= (phase == Phase::kElect ? c.quorum.elect : c.quorum.commit);
    case QuorumKind::kPlaces:
      break;
  }
  int won = 0;
  for (auto& [name, place] : places) won += 2 * place.second > place.first;
  return all.empty() || 2 * won > static_cast<int>(places.size());
}

Configuration random_configuration(Random& random) {
  Configuration c;
  c.quorum.kind = static_cast<QuorumKind>(random.below(3));
  c.quorum.elect = 1 + random.below(5);
  c.quorum.commit = 1 + random.below(5);
  const std::uint64_t n = 1 + random.below(7);
  for (std::uint64_t id = 1; id <= n; ++id) {
    c.voters.emplace_back(id);
    if (random.chance(0.3)) c.voters_outgoing.emplace_back(id + random.below(2) * 7);
  }
  std::sort(c.voters_outgoing.begin(), c.voters_outgoing.end());
  for (std::uint64_t id = 1; id <= 14; ++id)
    c.put({.id = ReplicaId(id), .place = std::string(1, static_cast<char>('p' + random.below(4)))});
  return c;
}

TEST(Quorum, agrees_with_the_obvious_version_and_with_itself) {
  Random random(5);
  for (int i = 0; i < 3000; ++i) {
    const Configuration c = random_configuration(random);
    std::map<ReplicaId, std::uint64_t> match;
    std::map<ReplicaId, int> votes;
    for (std::uint64_t id = 1; id <= 14; ++id) {
      match[ReplicaId(id)] = random.below(5);
      votes[ReplicaId(id)] = static_cast<int>(random.below(3)) - 1;
    }
    for (Phase phase : {Phase::kElect, Phase::kCommit}) {
      auto obvious = [&](const std::function<bool(ReplicaId)>& in) {
        std::set<ReplicaId> set;
        for (std::uint64_t id = 1; id <= 14; ++id) {
          if (in(ReplicaId(id))) set.insert(ReplicaId(id));
        }
        return plainly(c, c.voters, phase, set) && plainly(c, c.voters_outgoing, phase, set);
      };
      auto granted = [&](ReplicaId id) { return votes[id] > 0; };
      auto possible = [&](ReplicaId id) { return votes[id] >= 0; };
      ASSERT_EQ(is_quorum(c, phase, granted), obvious(granted));
      ASSERT_EQ(quorum_vote(c, phase, [&](ReplicaId id) { return votes[id]; }),
                obvious(granted)    ? Verdict::kWon
                : obvious(possible) ? Verdict::kPending
                                    : Verdict::kLost);
      std::uint64_t best = 0;
      for (std::uint64_t value = 0; value < 5; ++value) {
        if (obvious([&](ReplicaId id) { return match[id] >= value; })) best = value;
      }
      ASSERT_EQ(quorum_reached(c, phase, [&](ReplicaId id) { return match[id]; }), best);
    }
  }
}

// Safe is what the definition says: no two sets, one of which elects and one commits, are apart.
TEST(Quorum, what_is_called_safe_meets_and_what_is_not_is_shown) {
  Random random(6);
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    Configuration c = random_configuration(random);
    c.voters_outgoing.clear();
    const std::size_t n = c.voters.size();
    if (c.quorum.kind == QuorumKind::kFlexible && (c.quorum.elect > n || c.quorum.commit > n)) {
      EXPECT_FALSE(check_quorums(c).has_value());
      continue;
    }
    bool apart = false;
    for (unsigned a = 0; a < 1U << n; ++a) {
      for (unsigned b = 0; b < 1U << n; ++b) {
        auto in = [](unsigned set) {
          return [set](ReplicaId id) { return (set >> (id.value - 1) & 1) != 0; };
        };
        apart = apart || ((a & b) == 0 && is_quorum(c, Phase::kElect, in(a)) &&
                          is_quorum(c, Phase::kCommit, in(b)));
      }
    }
    auto checked = check_quorums(c);
    EXPECT_EQ(checked.has_value(), !apart);
    refused += !checked;
  }
  EXPECT_GT(refused, 20);
}

TEST(Quorum, two_that_do_not_meet_are_named) {
  Configuration c = flexible(5, 3, 2);
  for (std::uint64_t id = 1; id <= 5; ++id)
    c.put({.id = ReplicaId(id), .name = std::string(1, static_cast<char>('a' + id - 1))});
  auto checked = check_quorums(c);
  ASSERT_FALSE(checked.has_value());
  EXPECT_NE(checked.error().text.find("a, b could commit what c, d, e"), std::string::npos)
      << checked.error().text;
  EXPECT_TRUE(check_quorums(flexible(5, 4, 2)).has_value());
}

TEST(Quorum, three_places_survive_the_loss_of_one_and_of_one_more_machine) {
  const Configuration c = placed({"rome", "rome", "rome", "oslo", "oslo", "oslo", "wien"});
  EXPECT_TRUE(check_quorums(c).has_value());
  // wien is gone, and one in each of the others.
  EXPECT_TRUE(is_quorum(c, Phase::kCommit, [](ReplicaId id) {
    return id.value != 7 && id.value != 1 && id.value != 4;
  }));
  EXPECT_FALSE(is_quorum(c, Phase::kCommit, [](ReplicaId id) { return id.value <= 3; }));
  Configuration unknown = c;
  unknown.put({.id = ReplicaId(7), .name = "g"});
  EXPECT_NE(check_quorums(unknown).error().text.find("member g"), std::string::npos);
}

TEST(Quorum, is_written_as_it_is_read) {
  for (const char* text : {"majority", "flexible:4,2", "places"})
    EXPECT_EQ(to_string(*parse_quorum(text)), text);
  for (const char* text : {"flexible", "flexible:4", "flexible:4,", "flexible:4,2x", "half"})
    EXPECT_FALSE(parse_quorum(text).has_value()) << text;
}

TEST(Quorum, travels_with_the_configuration) {
  Configuration c = placed({"rome", "oslo", "wien"});
  std::string bytes;
  Writer out(bytes);
  encode(out, c);
  Reader in(bytes);
  Configuration read;
  ASSERT_TRUE(decode(in, read) && in.done());
  EXPECT_EQ(read, c);
}

}  // namespace
}  // namespace polis::consensus
