#include "tls/lifetime.hh"

#include <gtest/gtest.h>

namespace polis::tls {
namespace {

constexpr std::int64_t kDay = 86'400, kNow = 1'800'000'000;

Ending with_left(std::int64_t left, std::int64_t lasts) {
  return ending_of({.begins = kNow + left - lasts, .ends = kNow + left}, kNow);
}

TEST(Lifetime, the_end_is_near_for_two_weeks_or_for_the_last_tenth) {
  EXPECT_EQ(with_left(15 * kDay, 365 * kDay), Ending::kFar);
  EXPECT_EQ(with_left(14 * kDay, 365 * kDay), Ending::kSoon);
  EXPECT_EQ(with_left(2 * kDay, 10 * kDay), Ending::kFar);
  EXPECT_EQ(with_left(1 * kDay, 10 * kDay), Ending::kSoon);
  EXPECT_EQ(with_left(1, 10), Ending::kSoon);
  EXPECT_EQ(with_left(0, 10), Ending::kPast);
  EXPECT_EQ(with_left(-kDay, 365 * kDay), Ending::kPast);
}

TEST(Lifetime, the_end_is_told_in_words_and_with_its_date) {
  const auto said = [](std::int64_t left) {
    return ending_text({.begins = 0, .ends = kNow + left}, kNow);
  };
  EXPECT_EQ(said(13 * kDay), "ends in 13 days, at 2027-01-28 08:00:00 UTC");
  EXPECT_TRUE(said(40 * 3600).starts_with("ends in 40 hours")) << said(40 * 3600);
  EXPECT_TRUE(said(119 * 60).starts_with("ends in 119 minutes")) << said(119 * 60);
  EXPECT_TRUE(said(0).starts_with("has ended at 2027-01-15 08:00:00 UTC")) << said(0);
}

}  // namespace
}  // namespace polis::tls
