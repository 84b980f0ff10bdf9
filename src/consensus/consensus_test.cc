#include <gtest/gtest.h>

#include "base/random.hh"
#include "consensus/log.hh"
#include "consensus/options.hh"

namespace polis::consensus {
namespace {

Configuration voters(std::initializer_list<std::uint64_t> ids) {
  Configuration c;
  for (auto id : ids) c.voters.emplace_back(id);
  return c;
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

TEST(Options, an_impossible_relation_is_named) {
  Options options{.id = ReplicaId(1)};
  options.election_timeout_min = std::chrono::milliseconds(100);
  ASSERT_FALSE(options.validate().has_value());
  EXPECT_NE(options.validate().error().text.find("heartbeat"), std::string::npos);
}

}  // namespace
}  // namespace polis::consensus
