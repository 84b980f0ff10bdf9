#include <gtest/gtest.h>

#include "base/random.hh"
#include "consensus/log.hh"
#include "consensus/quorum.hh"

namespace polis::consensus {
namespace {

Configuration voters(std::initializer_list<std::uint64_t> ids) {
  Configuration c;
  for (auto id : ids) c.voters.emplace_back(id);
  return c;
}

TEST(Quorum, the_middle_value_counts) {
  std::map<ReplicaId, std::uint64_t> match{
      {ReplicaId(1), 5}, {ReplicaId(2), 9}, {ReplicaId(3), 7}, {ReplicaId(4), 1}};
  auto reached = [&](ReplicaId id) { return match[id]; };
  EXPECT_EQ(quorum_reached(voters({1}), reached), 5u);
  EXPECT_EQ(quorum_reached(voters({1, 2}), reached), 5u);
  EXPECT_EQ(quorum_reached(voters({1, 2, 3}), reached), 7u);
  EXPECT_EQ(quorum_reached(voters({1, 2, 3, 4}), reached), 5u);
}

TEST(Quorum, a_joint_configuration_needs_both_sets) {
  Configuration c = voters({1, 2, 3});
  c.voters_outgoing = {ReplicaId(3), ReplicaId(4), ReplicaId(5)};
  EXPECT_EQ(quorum_reached(c, [](ReplicaId id) { return id.value <= 3 ? 9 : 2; }), 2u);
  auto vote = [](ReplicaId id) { return id.value <= 3 ? 1 : 0; };
  EXPECT_EQ(quorum_vote(c, vote), Verdict::kPending);
  EXPECT_EQ(quorum_vote(c, [](ReplicaId id) { return id.value <= 3 ? 1 : -1; }), Verdict::kLost);
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
    auto verdict = quorum_vote(c, [&](ReplicaId id) { return values[id.value - 1]; });
    EXPECT_EQ(verdict, granted >= 3   ? Verdict::kWon
                       : refused >= 3 ? Verdict::kLost
                                      : Verdict::kPending);
  }
}

Entry entry(std::uint64_t index, std::uint64_t term) {
  return {Term(term), LogIndex(index), EntryKind::kCommand, share("0123456789")};
}

TEST(Log, append_truncate_compact_keep_the_books) {
  Log log(SnapshotMark{});
  for (std::uint64_t i = 1; i <= 10; ++i) log.append(entry(i, 1 + i / 5));
  log.compact_through(LogIndex(4), {});
  EXPECT_EQ(log.first_index(), LogIndex(5));
  EXPECT_EQ(log.term_at(LogIndex(4)), Term(1));
  EXPECT_FALSE(log.has_term(LogIndex(3)));
  log.truncate_from(LogIndex(8));
  EXPECT_EQ(log.last_index(), LogIndex(7));
  EXPECT_EQ(log.slice(LogIndex(5), LogIndex(100), 1).size(), 1u);
  EXPECT_EQ(log.slice(LogIndex(5), LogIndex(6), 1 << 20).size(), 2u);
  log.compact_through(LogIndex(7), {});
  EXPECT_EQ(log.bytes(), 0u);
  EXPECT_EQ(log.last_term(), Term(2));
}

TEST(Types, a_snapshot_mark_survives_the_wire) {
  SnapshotMark mark{LogIndex(9), Term(3), voters({1, 2})};
  mark.configuration.learners = {ReplicaId(8)};
  std::string bytes;
  Writer out(bytes);
  encode(out, mark);
  Reader in(bytes);
  SnapshotMark read;
  ASSERT_TRUE(decode(in, read));
  EXPECT_EQ(read, mark);
}

}  // namespace
}  // namespace polis::consensus
