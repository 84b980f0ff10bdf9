#pragma once

// The names that somebody most likely meant who wrote one that is not there.
//
// Threads: any; pure.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace polis {

inline constexpr std::size_t kSuggestionsMax = 3;
// Longer words have no near names: comparing takes time in proportion to both lengths.
inline constexpr std::size_t kNearestWordMax = 100;

// Those of `names` that differ from `word` by the fewest letters, nearest first; at most
// kSuggestionsMax, none if nothing is near. A letter too many, too few, another one, or two that
// are swapped count as one. A name that begins with `word` counts as near.
std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& names);

// "; did you mean 'put' or 'get'?", to stand at the end of a message; empty if nothing is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& names);

}  // namespace polis
