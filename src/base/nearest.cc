#include "base/nearest.hh"

#include <algorithm>
#include <utility>

namespace polis {
namespace {

// Letters that have to be added, removed, changed or swapped with their neighbour (optimal string
// alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      d[i][j] =
          std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& names) {
  if (word.size() > kNearestWordMax) return {};
  const std::size_t farthest = std::max<std::size_t>(1, word.size() / 3);
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& name : names) {
    // Somebody who knows the beginning: `rev` for `revoke`.
    const bool begins = name.starts_with(word) && word.size() >= 2;
    // The lengths alone differ by more, so there is nothing to compare.
    const std::size_t longer = std::max(name.size(), word.size());
    if (!begins && longer - std::min(name.size(), word.size()) > farthest) continue;
    std::size_t apart = begins ? 1 : distance(word, name);
    if (word == name) apart = 0;
    if (apart <= farthest) near.emplace_back(apart, name);
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> found;
  for (auto& [apart, name] : near) {
    if (found.size() < kSuggestionsMax && apart <= near.front().first + 1) found.push_back(name);
  }
  return found;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : nearest(word, names))
    text += (text.empty() ? "; did you mean '" : " or '") + name + "'";
  return text.empty() ? "" : text + "?";
}

}  // namespace polis
