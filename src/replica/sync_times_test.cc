#include "replica/sync_times.hh"

#include <gtest/gtest.h>

namespace polis::replica {
namespace {

using namespace std::chrono_literals;

TEST(SyncTimes, the_average_follows_slowly) {
  SyncTimes times;
  times.add(16ms, Instant(1s));
  EXPECT_EQ(times.average, 16ms);
  times.add(32ms, Instant(1s));
  EXPECT_EQ(times.average, 17ms);
  EXPECT_EQ(times.count, 2u);
}

TEST(SyncTimes, the_worst_is_forgotten_after_one_or_two_windows) {
  SyncTimes times;
  times.add(100ms, Instant(20s));
  times.add(1ms, Instant(31s));
  EXPECT_EQ(times.worst, 100ms);
  times.add(1ms, Instant(42s));
  EXPECT_EQ(times.worst, 1ms);
}

TEST(SyncTimes, the_worst_before_a_long_silence_is_forgotten) {
  SyncTimes times;
  times.add(100ms, Instant(20s));
  times.add(1ms, Instant(60s));
  EXPECT_EQ(times.worst, 1ms);
}

}  // namespace
}  // namespace polis::replica
