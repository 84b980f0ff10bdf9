#include "json/objects.hh"

#include <algorithm>

namespace polis::json {

bool ObjectReader::only_blanks_left() const {
  return buffer_.find_first_not_of(" \t\r\n", begin_) == std::string::npos;
}

ObjectReader::Outcome ObjectReader::next(std::string_view& object) {
  if (depth_ == 0 && !in_string_) {
    const std::size_t first = buffer_.find_first_not_of(" \t\r\n", begin_);
    begin_ = at_ = std::min(first, buffer_.size());
    if (begin_ == buffer_.size()) {
      buffer_.clear();
      begin_ = at_ = 0;
      return Outcome::kMore;
    }
    if (buffer_[begin_] != '{') return Outcome::kNoObject;
  }
  for (; at_ < buffer_.size(); ++at_) {
    const char c = buffer_[at_];
    if (in_string_) {
      if (!escaped_ && c == '"') in_string_ = false;
      escaped_ = !escaped_ && c == '\\';
      continue;
    }
    if (c == '"') in_string_ = true;
    if (c == '{' || c == '[') ++depth_;
    if ((c == '}' || c == ']') && --depth_ == 0) {
      object = std::string_view(buffer_).substr(begin_, at_ + 1 - begin_);
      begin_ = ++at_;
      return Outcome::kObject;
    }
  }
  if (held() > bytes_max_) return Outcome::kTooLarge;
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    at_ -= begin_;
    begin_ = 0;
  }
  return Outcome::kMore;
}

}  // namespace polis::json
