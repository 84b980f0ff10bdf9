#include "json/text.hh"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace polis::json {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// Bytes of the character that `text` begins with, which is not ASCII; 0: it is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned first = byte(0), second = byte(1);
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (first == 0xe0 && second < 0xa0) return 0;
    if (first == 0xed && second > 0x9f) return 0;
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (first == 0xf0 && second < 0x90) return 0;
    if (first == 0xf4 && second > 0x8f) return 0;
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
  }
  out += static_cast<char>(0x80 | (code & 0x3f));
}

// The four digits behind "\u", at `at`.
std::uint32_t unit_at(std::string_view raw, std::size_t at) {
  std::uint32_t unit = 0;
  std::from_chars(raw.data() + at + 2, raw.data() + at + 6, unit, 16);
  return unit;
}

bool is_surrogate(std::uint32_t unit) { return unit >= 0xd800 && unit <= 0xdfff; }

// An escape at raw[at], of which at least two characters are there; moves `at` behind it.
bool append_escape(std::string& out, std::string_view raw, std::size_t& at) {
  constexpr std::string_view kLetters = "bfnrt", kMeant = "\b\f\n\r\t";
  const char letter = raw[at + 1];
  if (letter != 'u') {
    const std::size_t place = kLetters.find(letter);
    out += place == std::string_view::npos ? letter : kMeant[place];
    at += 2;
    return true;
  }
  const std::uint32_t first = unit_at(raw, at);
  at += 6;
  if (!is_surrogate(first)) {
    append_utf8(out, first);
    return true;
  }
  if (first >= 0xdc00 || !raw.substr(at).starts_with("\\u")) return false;
  const std::uint32_t second = unit_at(raw, at);
  at += 6;
  if (second < 0xdc00 || second > 0xdfff) return false;
  append_utf8(out, 0x10000 + ((first - 0xd800) << 10 | (second - 0xdc00)));
  return true;
}

}  // namespace

bool is_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t eight = 0;
    if (text.size() - at >= sizeof eight) {
      std::memcpy(&eight, text.data() + at, sizeof eight);
      if ((eight & 0x8080808080808080) == 0) {
        at += sizeof eight;
        continue;
      }
    }
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const std::size_t length = utf8_length(text.substr(at));
    if (length == 0) return false;
    at += length;
  }
  return true;
}

std::optional<std::string> unescaped(std::string_view raw) {
  std::string out;
  for (std::size_t at = 0; at < raw.size();) {
    const std::size_t escape = std::min(raw.find('\\', at), raw.size());
    out.append(raw, at, escape - at);
    at = escape;
    if (at < raw.size() && !append_escape(out, raw, at)) return std::nullopt;
  }
  return out;
}

void append_quoted(std::string& out, std::string_view text) {
  constexpr std::string_view kMeant = "\b\f\n\r\t", kLetters = "bfnrt";
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x80) {
      const std::size_t length = utf8_length(text.substr(at));
      out += length == 0 ? kReplacement : text.substr(at, length);
      at += std::max<std::size_t>(length, 1);
      continue;
    }
    ++at;
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += static_cast<char>(byte);
    } else if (byte >= 0x20) {
      out += static_cast<char>(byte);
    } else if (const std::size_t place = kMeant.find(static_cast<char>(byte));
               place != std::string_view::npos) {
      out += '\\';
      out += kLetters[place];
    } else {
      out += "\\u00";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 0xf];
    }
  }
  out += '"';
}

}  // namespace polis::json
