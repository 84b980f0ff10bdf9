#include "base/metrics.hh"

#include <gtest/gtest.h>

namespace polis {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(DurationHistogram, a_bound_belongs_to_its_bucket_and_a_nanosecond_more_to_the_next) {
  DurationHistogram histogram(milliseconds(1), 14);
  histogram.add(milliseconds(1));
  EXPECT_EQ(histogram.count_in(0), 1u);
  histogram.add(milliseconds(1) + Duration(1));
  EXPECT_EQ(histogram.count_in(1), 1u);
  histogram.add(milliseconds(4));
  EXPECT_EQ(histogram.count_in(2), 1u);
  histogram.add(milliseconds(4) + Duration(1));
  EXPECT_EQ(histogram.count_in(3), 1u);
  histogram.add(milliseconds(8192));
  EXPECT_EQ(histogram.count_in(13), 1u);
}

TEST(DurationHistogram, zero_and_less_are_in_the_first_bucket_and_add_nothing_to_the_sum) {
  DurationHistogram histogram(milliseconds(1), 3);
  histogram.add(Duration::zero());
  histogram.add(milliseconds(-5));
  EXPECT_EQ(histogram.count_in(0), 2u);
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.sum(), Duration::zero());
}

TEST(DurationHistogram, what_is_longer_than_every_bound_is_counted_above_them) {
  DurationHistogram histogram(milliseconds(1), 3);
  histogram.add(milliseconds(4) + Duration(1));
  histogram.add(seconds(100'000));
  EXPECT_EQ(histogram.count_in(3), 2u);
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.sum(), seconds(100'000) + milliseconds(4) + Duration(1));
}

TEST(DurationHistogram, bounds_double) {
  DurationHistogram histogram(milliseconds(1), 14);
  EXPECT_EQ(histogram.bound(0), milliseconds(1));
  EXPECT_EQ(histogram.bound(13), milliseconds(8192));
}

}  // namespace
}  // namespace polis
