#include "peers/repeats.hh"

#include <algorithm>

namespace polis::peers {

std::optional<std::uint64_t> Repeats::say(const std::string& text, Instant now) {
  auto known = said_.find(text);
  if (known != said_.end() && now - known->second.at < kSayAgainAfter) {
    ++known->second.left_out;
    return std::nullopt;
  }
  const std::uint64_t left_out = known != said_.end() ? known->second.left_out : 0;
  if (known == said_.end() && said_.size() >= kTextsMax) {
    said_.erase(std::min_element(said_.begin(), said_.end(), [](const auto& a, const auto& b) {
      return a.second.at < b.second.at;
    }));
  }
  said_[text] = {now, 0};
  return left_out;
}

}  // namespace polis::peers
