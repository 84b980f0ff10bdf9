#include "replica/disk_space.hh"

#include <gtest/gtest.h>

namespace polis::replica {
namespace {

using namespace std::chrono_literals;
using consensus::ReplicaId;
using Level = DiskSpace::Level;
constexpr ReplicaId kA(1), kB(2), kC(3);
constexpr std::uint64_t kMin = 96 << 20;
const Instant kNow{100s};

consensus::Configuration three() {
  consensus::Configuration configuration;
  configuration.voters = {kA, kB, kC};
  return configuration;
}

TEST(DiskSpace, less_than_the_minimum_is_the_reserve_and_a_quarter_of_it_the_end) {
  DiskSpace space(kMin);
  EXPECT_EQ(space.own(), Level::kEnough) << "before anything was measured";
  space.on_measured(kMin, 0);
  EXPECT_EQ(space.own(), Level::kEnough);
  space.on_measured(kMin - 1, 0);
  EXPECT_EQ(space.own(), Level::kReserve);
  space.on_measured(kMin / 4 - 1, 1 << 30);
  EXPECT_EQ(space.own(), Level::kExhausted);
  DiskSpace unbounded(0);
  unbounded.on_measured(0, 0);
  EXPECT_EQ(unbounded.own(), Level::kEnough);
}

TEST(DiskSpace, what_the_engine_can_use_again_counts_while_the_log_has_enough) {
  DiskSpace space(kMin);
  space.on_measured(kMin / 2, kMin / 2);
  EXPECT_EQ(space.own(), Level::kEnough);
  space.on_measured(kMin / 2 - 1, kMin);
  EXPECT_EQ(space.own(), Level::kReserve);
}

TEST(DiskSpace, an_engine_that_finds_no_space_is_believed) {
  DiskSpace space(kMin);
  space.on_measured(10 * kMin, 0);
  space.on_engine_refused(true);
  EXPECT_EQ(space.own(), Level::kReserve);
  space.on_engine_refused(false);
  EXPECT_EQ(space.own(), Level::kEnough);
}

TEST(DiskSpace, one_full_member_of_three_is_named_and_does_not_make_the_cell_full) {
  DiskSpace space(kMin);
  space.on_measured(10 * kMin, 0);
  space.on_told(kB, Level::kReserve, kNow);
  EXPECT_EQ(space.full(kA, kNow), std::vector<ReplicaId>{kB});
  EXPECT_FALSE(space.cell_is_full(three(), kA, kNow));
  space.on_told(kC, Level::kExhausted, kNow);
  EXPECT_TRUE(space.cell_is_full(three(), kA, kNow));
  space.on_told(kC, Level::kEnough, kNow);
  EXPECT_FALSE(space.cell_is_full(three(), kA, kNow));
  space.on_measured(0, 0);
  EXPECT_TRUE(space.cell_is_full(three(), kA, kNow));
}

TEST(DiskSpace, a_replica_without_reserve_stands_still_only_if_the_others_can_do_without_it) {
  DiskSpace space(kMin);
  space.on_measured(kMin / 2, 0);
  EXPECT_FALSE(space.should_stand_still(three(), kA, kNow));
  space.on_measured(0, 0);
  EXPECT_TRUE(space.should_stand_still(three(), kA, kNow));
  space.on_told(kB, Level::kReserve, kNow);
  EXPECT_TRUE(space.should_stand_still(three(), kA, kNow));
  space.on_told(kB, Level::kExhausted, kNow);
  EXPECT_FALSE(space.should_stand_still(three(), kA, kNow));
}

TEST(DiskSpace, what_a_member_said_holds_for_two_seconds) {
  DiskSpace space(kMin);
  space.on_told(kB, Level::kReserve, kNow);
  EXPECT_FALSE(space.has_room(kB, kA, kNow + 2s));
  EXPECT_TRUE(space.has_room(kB, kA, kNow + 2s + 1ms));
  EXPECT_TRUE(space.full(kA, kNow + 3s).empty());
}

}  // namespace
}  // namespace polis::replica
