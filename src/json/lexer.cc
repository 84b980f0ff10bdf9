#include "json/lexer.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "json/text.hh"

namespace polis::json {
namespace {

// Of a token that does not belong where it stands, so much is told.
constexpr std::size_t kTokenShownMax = 100;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// A byte as Go's parser shows it: what is not ASCII as the character of that number.
std::string shown(char c) {
  constexpr std::string_view kControls = "\a\b\f\n\r\t\v", kLetters = "abfnrtv";
  const auto byte = static_cast<unsigned char>(c);
  if (c == '\'') return "'\\''";
  if (c == '"') return "'\"'";
  if (c == '\\') return "'\\\\'";
  if (const auto place = kControls.find(c); place != std::string_view::npos)
    return fmt::format("'\\{}'", kLetters[place]);
  if (byte < 0x20 || byte == 0x7f) return fmt::format("'\\x{:02x}'", byte);
  if (byte < 0x80) return fmt::format("'{}'", c);
  if (byte <= 0xa0 || byte == 0xad) return fmt::format("'\\u{:04x}'", byte);
  return fmt::format("'{}{}'", static_cast<char>(0xc0 | byte >> 6),
                     static_cast<char>(0x80 | (byte & 0x3f)));
}

// Whether one of the eight bytes ends a string, or is to be looked at: below 0x20, above 0x7f, a
// quote or a backslash.
bool has_special(std::uint64_t eight) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHighs = 0x8080808080808080;
  const auto has_zero = [](std::uint64_t x) { return (x - kOnes) & ~x & kHighs; };
  const std::uint64_t below = (eight - kOnes * 0x20) & kHighs;  // or its byte is above 0x7f
  return (below | (eight & kHighs) | has_zero(eight ^ (kOnes * '"')) |
          has_zero(eight ^ (kOnes * '\\'))) != 0;
}

}  // namespace

bool Lexer::fail(std::string text) {
  error_ = std::move(text);
  in_meaning_ = false;
  return false;
}

bool Lexer::fail_in_meaning(std::string text) {
  error_ = "proto: " + text;
  in_meaning_ = true;
  return false;
}

bool Lexer::wrong_character(std::string_view where) {
  if (at_end()) return fail("unexpected EOF");
  return fail(fmt::format("invalid character {} {}", shown(text_[at_]), where));
}

std::string Lexer::place(std::size_t at) const {
  const std::string_view before = text_.substr(0, at);
  const auto line = std::ranges::count(before, '\n');
  const std::size_t end = before.rfind('\n');
  const std::size_t column = end == std::string_view::npos ? at : at - end - 1;
  return fmt::format("line {}:{}", line + 1, column + 1);
}

std::string Lexer::token_at(std::size_t at) const {
  if (at >= text_.size()) return {};
  const char c = text_[at];
  if (c == '[' || c == '{') return std::string(1, c);
  Lexer token(text_);
  token.at_ = at;
  token.ignore_meaning();
  std::string_view raw;
  if (c != '"' || !token.string(raw))
    token.at_ = std::min(text_.find_first_of(" \t\r\n,]}", at), text_.size());
  return std::string(text_.substr(at, std::min(token.at_ - at, kTokenShownMax)));
}

bool Lexer::unexpected_token() {
  if (at_end()) return fail("unexpected EOF");
  return fail_in_meaning(
      fmt::format("syntax error ({}): unexpected token {}", place(at_), token_at(at_)));
}

bool Lexer::string(std::string_view& raw) {
  const std::size_t begin = at_;
  if (!scan_string(raw)) return false;
  if (ignore_meaning_) return true;
  if (!is_utf8(raw))
    return fail_in_meaning(fmt::format("syntax error ({}): invalid UTF-8 in string", place(begin)));
  if (raw.find('\\') != std::string_view::npos && !unescaped(raw))
    return fail_in_meaning(
        fmt::format("syntax error ({}): invalid escape code in string", place(begin)));
  return true;
}

bool Lexer::scan_string(std::string_view& raw) {
  const std::size_t begin = ++at_;
  while (at_ < text_.size()) {
    std::uint64_t eight = 0;
    if (text_.size() - at_ >= sizeof eight) {
      std::memcpy(&eight, text_.data() + at_, sizeof eight);
      if (!has_special(eight)) {
        at_ += sizeof eight;
        continue;
      }
    }
    const char c = text_[at_];
    if (c == '"') {
      raw = text_.substr(begin, at_++ - begin);
      return true;
    }
    if (static_cast<unsigned char>(c) < 0x20) return wrong_character("in string literal");
    if (c == '\\' && !escape()) return false;
    ++at_;
  }
  return fail("unexpected EOF");
}

// From the backslash to the last character of the escape.
bool Lexer::escape() {
  if (++at_ == text_.size()) return fail("unexpected EOF");
  if (text_[at_] != 'u')
    return std::string_view("\"\\/bfnrt").find(text_[at_]) != std::string_view::npos ||
           wrong_character("in string escape code");
  for (int i = 0; i < 4; ++i) {
    if (++at_ == text_.size()) return fail("unexpected EOF");
    if (!is_hex(text_[at_])) return wrong_character("in \\u hexadecimal character escape");
  }
  return true;
}

bool Lexer::digits(std::string_view where) {
  const std::size_t begin = at_;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  return at_ > begin || wrong_character(where);
}

bool Lexer::number() {
  const bool minus = take('-');
  if (!minus && !is_digit(peek())) return wrong_character("looking for beginning of value");
  if (!take('0') && !digits("in numeric literal")) return false;
  if (take('.') && !digits("after decimal point in numeric literal")) return false;
  if (take('e') || take('E')) {
    if (!take('+')) take('-');
    return digits("in exponent of numeric literal");
  }
  return true;
}

bool Lexer::word(std::string_view expected) {
  if (rest().starts_with(expected)) {
    advance(expected.size());
    return true;
  }
  for (char c : expected) {
    if (!take(c))
      return wrong_character(fmt::format("in literal {} (expecting '{}')", expected, c));
  }
  return true;
}

bool Lexer::skip_value(int depth) {
  std::string_view raw;
  switch (peek()) {
    case '{':
      return skip_object(depth + 1);
    case '[':
      return skip_array(depth + 1);
    case '"':
      return string(raw);
    case 't':
      return word("true");
    case 'f':
      return word("false");
    case 'n':
      return word("null");
    default:
      return number();
  }
}

bool Lexer::skip_object(int depth) {
  if (depth > kDepthMax) return fail("invalid character '{' exceeded max depth");
  advance(1);
  skip_blanks();
  if (take('}')) return true;
  while (true) {
    skip_blanks();
    std::string_view name;
    if (peek() != '"') return wrong_character("looking for beginning of object key string");
    if (!string(name)) return false;
    skip_blanks();
    if (!take(':')) return wrong_character("after object key");
    skip_blanks();
    if (!skip_value(depth)) return false;
    skip_blanks();
    if (take('}')) return true;
    if (!take(',')) return wrong_character("after object key:value pair");
  }
}

bool Lexer::skip_array(int depth) {
  if (depth > kDepthMax) return fail("invalid character '[' exceeded max depth");
  advance(1);
  skip_blanks();
  if (take(']')) return true;
  while (true) {
    skip_blanks();
    if (!skip_value(depth)) return false;
    skip_blanks();
    if (take(']')) return true;
    if (!take(',')) return wrong_character("after array element");
  }
}

}  // namespace polis::json
