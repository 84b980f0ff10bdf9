#pragma once

// Integers with a type of their own, so that two numbers of different meaning cannot be swapped by
// mistake.

#include <compare>
#include <cstdint>
#include <functional>

namespace polis {

// Each Tag makes another type. Arithmetic is that of Int, without a check for overflow.
template <typename Tag, typename Int = std::uint64_t>
struct Strong {
  using Value = Int;
  Int value = 0;

  constexpr Strong() = default;
  constexpr explicit Strong(Int v) : value(v) {}
  constexpr auto operator<=>(const Strong&) const = default;
  constexpr Strong next() const { return Strong(value + 1); }
  constexpr Strong previous() const { return Strong(value - 1); }
  constexpr Strong operator+(Int n) const { return Strong(value + n); }
  constexpr Strong operator-(Int n) const { return Strong(value - n); }
  constexpr Int operator-(Strong other) const { return value - other.value; }
};

}  // namespace polis

template <typename Tag, typename Int>
struct std::hash<polis::Strong<Tag, Int>> {
  std::size_t operator()(const polis::Strong<Tag, Int>& s) const noexcept {
    return std::hash<Int>()(s.value);
  }
};
