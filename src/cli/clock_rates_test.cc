#include "cli/clock_rates.hh"

#include <gtest/gtest.h>

namespace polis::cli {
namespace {

// A clock that runs `rate` as fast as ours, read halfway between question and answer.
ClockSample sample(double at, double rate, double took = 0.001, double wall_ahead = 0) {
  auto instant = [](double s) { return Instant(Duration(static_cast<std::int64_t>(s * 1e9))); };
  return {.asked = instant(at - took / 2),
          .answered = instant(at + took / 2),
          .boot_clock_ns = static_cast<std::int64_t>((500 + at * rate) * 1e9),
          .wall_clock_ns = static_cast<std::int64_t>((1e6 + wall_ahead + at) * 1e9)};
}

TEST(ClockRates, a_faster_clock_is_measured_against_the_reference) {
  ClockPair reference{sample(10, 1), sample(11, 1)}, fast{sample(10.1, 1.01), sample(11.1, 1.01)};
  auto found = difference(reference, fast);
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->rate, 0.01, found->rate_error);
  EXPECT_LT(found->rate_error, 0.003);
}

// The question to a replica that is stopped takes two seconds, in the first round only: those
// behind it are asked one second apart, those before it three.
TEST(ClockRates, a_stopped_replica_between_two_others_changes_nothing) {
  ClockPair before{sample(10, 1), sample(13, 1)}, behind{sample(12, 1), sample(13.01, 1)};
  auto found = difference(before, behind);
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->rate, 0, found->rate_error);
  EXPECT_NEAR(found->wall_seconds, 0, 0.01);
}

TEST(ClockRates, a_sample_that_was_not_answered_in_time_says_nothing) {
  ClockPair good{sample(10, 1), sample(11, 1)};
  EXPECT_FALSE(difference(good, {sample(10, 1), sample(11, 1, 1.5)}));
  EXPECT_FALSE(difference(good, {sample(10, 1, 0.3), sample(11, 1)}));
  EXPECT_FALSE(difference({sample(10, 1, 0.3), sample(11, 1)}, good));
  EXPECT_FALSE(difference(good, {std::nullopt, sample(11, 1)}));
  EXPECT_FALSE(difference(good, {sample(10, 1), std::nullopt}));
}

TEST(ClockRates, a_machine_that_was_restarted_between_says_nothing) {
  ClockPair good{sample(10, 1), sample(11, 1)};
  ClockSample fresh = sample(11, 1);
  fresh.boot_clock_ns = 5;
  EXPECT_FALSE(difference(good, {sample(10, 1), fresh}));
}

TEST(ClockRates, wall_clocks_are_compared_at_one_moment) {
  ClockPair reference{sample(10, 1), sample(11, 1)};
  auto found = difference(reference, {sample(12, 1, 0.001, 7), sample(14, 1, 0.001, 7)});
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->wall_seconds, 7, 0.01);
}

}  // namespace
}  // namespace polis::cli
