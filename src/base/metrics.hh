#pragma once

// Metrics of a running process, for monitoring. A component counts in plain members, which costs
// next to nothing. Its function `report(MetricSink&)` writes the counts into a sink. For one page,
// the report functions of all components are called (host/metrics.hh).
//
// Threads: the loop's.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "base/check.hh"
#include "base/time.hh"

namespace polis {

// Counts durations in buckets. The upper bound of each bucket is twice that of the bucket before,
// and belongs to the bucket.
class DurationHistogram {
 public:
  static constexpr std::size_t kBucketsMax = 24;

  // `first`: the upper bound of the lowest bucket, more than zero. `buckets`: 1 to kBucketsMax.
  // Longer durations than the highest bound are counted in one more bucket.
  constexpr DurationHistogram(Duration first, std::size_t buckets)
      : first_(first), buckets_(buckets) {
    CHECK(first > Duration::zero() && buckets > 0 && buckets <= kBucketsMax);
  }

  void add(Duration took) {
    const Duration positive = std::max(took, Duration::zero());
    // Through the bound itself: a bound belongs to its bucket.
    const auto multiple =
        static_cast<std::uint64_t>(std::max(positive - Duration(1), Duration::zero()) / first_);
    ++counts_[std::min<std::size_t>(std::bit_width(multiple), buckets_)];
    sum_ += positive;
    ++count_;
  }

  std::size_t buckets() const { return buckets_; }
  Duration bound(std::size_t bucket) const { return first_ * (1LL << bucket); }
  // How many durations are in this bucket alone. bucket == buckets(): those above the highest
  // bound.
  std::uint64_t count_in(std::size_t bucket) const { return counts_[bucket]; }
  std::uint64_t count() const { return count_; }
  Duration sum() const { return sum_; }

 private:
  Duration first_;
  std::size_t buckets_;
  std::array<std::uint64_t, kBucketsMax + 1> counts_{};
  std::uint64_t count_ = 0;
  Duration sum_{};
};

struct MetricLabel {
  std::string_view name, value;
};
using MetricLabels = std::initializer_list<MetricLabel>;

// Takes the values for one page. A name consists of letters, digits and '_', and always comes with
// the same type and help text. If a name has several values, their labels differ. The views are
// valid during the call.
class MetricSink {
 public:
  virtual ~MetricSink() = default;

  // A value that never falls while the process lives. The name must end in "_total".
  virtual void counter(std::string_view name, std::string_view help, double value,
                       MetricLabels labels = {}) = 0;
  // A value that may rise and fall.
  virtual void gauge(std::string_view name, std::string_view help, double value,
                     MetricLabels labels = {}) = 0;
  // Durations; the page has them in seconds.
  virtual void histogram(std::string_view name, std::string_view help,
                         const DurationHistogram& value, MetricLabels labels = {}) = 0;
};

}  // namespace polis
