#pragma once

// Forms with ranges, for rows of the table (model/keys.hh).
//
// Threads: constant data.

#include "model/form.hh"

namespace polis::model::keys {

constexpr std::int64_t kSecond = 1'000'000'000, kHour = 3600 * kSecond, kDay = 24 * kHour;

constexpr Form number(std::int64_t min, std::int64_t max) {
  return {.kind = Form::Kind::kNumber, .name = "number", .min = min, .max = max};
}
constexpr Form duration(std::int64_t min, std::int64_t max) {
  return {.kind = Form::Kind::kDuration, .name = "time", .min = min, .max = max};
}
constexpr Form size(std::int64_t min, std::int64_t max) {
  return {.kind = Form::Kind::kSize, .name = "size", .min = min, .max = max};
}
constexpr Form choice(std::span<const char* const> words) {
  return {.kind = Form::Kind::kChoice, .name = "choice", .words = words};
}

constexpr Form kMode{.kind = Form::Kind::kMode, .name = "mode", .min = 0, .max = 0777};
constexpr Form kUpToHour = duration(0, kHour), kUpToDay = duration(0, kDay);
constexpr Form kSecondToHour = duration(kSecond, kHour), kSecondToDay = duration(kSecond, kDay);

}  // namespace polis::model::keys
