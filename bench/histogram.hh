#pragma once

// Latencies in logarithmic classes with linear parts, so that every value is kept with an error
// under 1 %. Source: the layout of HdrHistogram (Tene).

#include <array>
#include <bit>
#include <cstdint>

namespace polis::bench {

class Histogram {
 public:
  void add(std::uint64_t nanoseconds) {
    ++counts_[index(nanoseconds)];
    ++total_;
    if (nanoseconds > max_) max_ = nanoseconds;
  }
  void merge(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    if (other.max_ > max_) max_ = other.max_;
  }
  std::uint64_t total() const { return total_; }
  std::uint64_t max() const { return max_; }
  // The value that `fraction` of all do not exceed, in nanoseconds; 0 when empty.
  std::uint64_t quantile(double fraction) const {
    auto wanted = static_cast<std::uint64_t>(fraction * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted) return upper(i) < max_ ? upper(i) : max_;
    }
    return max_;
  }

 private:
  static constexpr int kLinearBits = 7;  // 128 parts of each power of two
  static std::size_t index(std::uint64_t v) {
    if (v < (1u << kLinearBits)) return static_cast<std::size_t>(v);
    int shift = std::bit_width(v) - 1 - kLinearBits;
    return static_cast<std::size_t>(shift + 1) * (1u << kLinearBits) +
           static_cast<std::size_t>((v >> shift) - (1u << kLinearBits));
  }
  static std::uint64_t upper(std::size_t i) {
    if (i < (1u << kLinearBits)) return i;
    auto shift = static_cast<int>(i >> kLinearBits) - 1;
    return ((((i & ((1u << kLinearBits) - 1)) + (1u << kLinearBits)) + 1) << shift) - 1;
  }
  std::array<std::uint64_t, (64 - kLinearBits + 1) << kLinearBits> counts_{};
  std::uint64_t total_ = 0, max_ = 0;
};

}  // namespace polis::bench
