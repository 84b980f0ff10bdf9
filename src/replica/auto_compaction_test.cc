#include "replica/auto_compaction.hh"

#include <gtest/gtest.h>

namespace polis::replica {
namespace {

using namespace std::chrono_literals;

Instant at(Duration t) { return Instant(1000s + t); }

TEST(AutoCompaction, keeps_so_many_revisions_and_does_not_bother_for_few) {
  AutoCompaction compaction({.keep_revisions = 100});
  EXPECT_EQ(compaction.due(at(0s), 100, 0), std::nullopt);
  EXPECT_EQ(compaction.due(at(0s), 105, 0), std::nullopt);
  EXPECT_EQ(compaction.due(at(0s), 110, 0), 10u);
  EXPECT_EQ(compaction.due(at(0s), 115, 10), std::nullopt);
  EXPECT_EQ(compaction.due(at(0s), 150, 10), 50u);
}

TEST(AutoCompaction, keeps_history_for_so_long) {
  AutoCompaction compaction({.keep_time = 60s});
  std::uint64_t compacted = 0;
  for (int second = 0; second <= 300; ++second) {
    std::uint64_t revision = 10 * static_cast<std::uint64_t>(second) + 10;
    if (auto to = compaction.due(at(second * 1s), revision, compacted)) {
      compacted = *to;
      EXPECT_LE(compacted, revision - 600);
    }
    if (second > 80) {
      EXPECT_GE(compacted, revision - 670) << second;
    }
  }
}

TEST(AutoCompaction, a_quiet_cell_gets_no_entries) {
  AutoCompaction compaction({.keep_time = 60s});
  compaction.due(at(0s), 50, 50);
  for (int second = 0; second < 300; ++second)
    EXPECT_EQ(compaction.due(at(second * 1s), 50, 50), std::nullopt);
}

TEST(AutoCompaction, off_means_off) {
  EXPECT_FALSE(AutoCompactionOptions().on());
  AutoCompaction compaction({});
  EXPECT_EQ(compaction.due(at(1000s), 1'000'000, 0), std::nullopt);
}

}  // namespace
}  // namespace polis::replica
