#include "replica/memory_shortage.hh"

#include <gtest/gtest.h>

namespace polis::replica {
namespace {

using namespace std::chrono_literals;
using consensus::ReplicaId;
constexpr ReplicaId kA(1), kB(2), kC(3);
constexpr std::uint64_t kMiB = 1 << 20, kAllowed = 1000 * kMiB;
const Instant kNow{100s};

consensus::Configuration three() {
  consensus::Configuration configuration;
  configuration.voters = {kA, kB, kC};
  return configuration;
}

TEST(MemoryShortage, leaves_what_a_start_needs) {
  MemoryShortage memory;
  memory.on_measured(136 * kMiB, 200 * kMiB);
  EXPECT_FALSE(memory.own());
  memory.on_measured(137 * kMiB, 200 * kMiB);
  EXPECT_TRUE(memory.own());
  MemoryShortage small;
  small.on_measured(49 * kMiB, 100 * kMiB);
  EXPECT_FALSE(small.own());
  small.on_measured(51 * kMiB, 100 * kMiB);
  EXPECT_TRUE(small.own());
}

TEST(MemoryShortage, begins_at_85_and_ends_at_80_percent) {
  MemoryShortage memory;
  memory.on_measured(kAllowed / 100 * 85, kAllowed);
  EXPECT_FALSE(memory.own());
  memory.on_measured(kAllowed / 100 * 86, kAllowed);
  EXPECT_TRUE(memory.own());
  memory.on_measured(kAllowed / 100 * 81, kAllowed);
  EXPECT_TRUE(memory.own());
  memory.on_measured(kAllowed / 100 * 79, kAllowed);
  EXPECT_FALSE(memory.own());
  memory.on_measured(UINT64_MAX, 0);
  EXPECT_FALSE(memory.own()) << "there is no limit";
}

TEST(MemoryShortage, one_short_member_of_three_stops_nobody_and_two_stop_what_needs_memory) {
  MemoryShortage memory;
  memory.on_told(kB, true, kNow);
  EXPECT_FALSE(memory.cell_is_short(three(), kA, kNow));
  memory.on_told(kC, true, kNow);
  EXPECT_TRUE(memory.cell_is_short(three(), kA, kNow));
  EXPECT_FALSE(memory.cell_is_short(three(), kA, kNow + 3s)) << "what was said is old";
  memory.on_told(kC, false, kNow);
  EXPECT_FALSE(memory.cell_is_short(three(), kA, kNow));
  memory.on_measured(kAllowed, kAllowed);
  EXPECT_TRUE(memory.cell_is_short(three(), kA, kNow));
}

}  // namespace
}  // namespace polis::replica
