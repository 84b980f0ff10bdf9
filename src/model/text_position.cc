#include "model/text_position.hh"

#include <algorithm>

namespace polis::model {

std::size_t offset_of(std::string_view text, const Position& at) {
  std::size_t offset = 0;
  for (std::uint32_t line = 1; line < at.line; ++line) {
    const std::size_t end = text.find('\n', offset);
    if (end == std::string_view::npos) return text.size();
    offset = end + 1;
  }
  for (std::uint32_t column = 1; column < at.column && offset < text.size(); ++column) {
    ++offset;
    while (offset < text.size() && !begins_character(text[offset])) ++offset;
  }
  return offset;
}

Position moved(Position at, std::string_view passed) {
  for (const char c : passed) {
    if (c == '\n') {
      ++at.line;
      at.column = 1;
    } else if (begins_character(c)) {
      ++at.column;
    }
  }
  return at;
}

Columns::Columns(std::string_view text) : text_(text) {
  if (std::ranges::all_of(text, begins_character)) return;
  lines_.push_back(0);
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string_view::npos;)
    lines_.push_back(++at);
}

std::uint32_t Columns::characters(std::uint32_t line, std::uint32_t byte_column) {
  if (line == 0 || line > lines_.size()) return byte_column;
  if (line != line_) {
    line_ = line;
    byte_ = 0;
    column_ = 1;
  }
  const std::string_view rest = text_.substr(lines_[line - 1]);
  const std::size_t wanted = std::min<std::size_t>(byte_column - 1, rest.size());
  for (; byte_ < wanted; ++byte_) column_ += begins_character(rest[byte_]) ? 1 : 0;
  for (; byte_ > wanted; --byte_) column_ -= begins_character(rest[byte_ - 1]) ? 1 : 0;
  return column_;
}

}  // namespace polis::model
