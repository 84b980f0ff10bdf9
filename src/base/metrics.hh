#pragma once

// Numbers about a running process, for monitoring. A component counts in plain members, which costs
// nothing, and says them when it is asked: in a function `report(MetricSink&)`. Whoever runs the
// process asks all of them for one page (host/metrics.hh).
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

// How often something took how long. Each bucket's upper bound is twice the one before.
class DurationHistogram {
 public:
  static constexpr std::size_t kBucketsMax = 24;

  // `first`: the lowest bound, more than zero. What is longer than the highest bound of `buckets`
  // is counted, too.
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
  // In this bucket alone; bucket == buckets(): above the highest bound.
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

// Takes values, for one page. Names and help are the program's own: a name is letters, digits and
// '_', and always comes with the same type and help; with several values, their labels differ.
class MetricSink {
 public:
  virtual ~MetricSink() = default;

  // Only ever grows while the process lives. The name ends in "_total".
  virtual void counter(std::string_view name, std::string_view help, double value,
                       MetricLabels labels = {}) = 0;
  virtual void gauge(std::string_view name, std::string_view help, double value,
                     MetricLabels labels = {}) = 0;
  // In seconds.
  virtual void histogram(std::string_view name, std::string_view help,
                         const DurationHistogram& value, MetricLabels labels = {}) = 0;
};

}  // namespace polis
