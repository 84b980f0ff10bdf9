#include "json/base64.hh"

#include <array>
#include <cstdint>

namespace polis::json {
namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// The two characters of each 12 bits: half as many steps as with one.
constexpr std::array<std::array<char, 2>, 4096> pairs() {
  std::array<std::array<char, 2>, 4096> all{};
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = {kStandard[i >> 6], kStandard[i & 63]};
  return all;
}
constexpr auto kPairs = pairs();

constexpr std::uint8_t kNone = 0xff;  // every value that is one is below 64

constexpr std::array<std::uint8_t, 256> values_of(std::string_view alphabet) {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNone);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return values;
}
constexpr auto kStandardValues = values_of(kStandard);
constexpr auto kUrlValues = values_of(kUrl);

std::uint32_t byte_of(char c) { return static_cast<unsigned char>(c); }

// `text` without padding. False: it has other characters, or one too many.
bool decode(char* out, std::string_view text, const std::array<std::uint8_t, 256>& values) {
  const char* at = text.data();
  const char* const full = at + text.size() / 4 * 4;
  std::uint32_t wrong = 0;  // kNone has bits that no value has
  for (; at != full; at += 4) {
    const std::uint32_t a = values[byte_of(at[0])], b = values[byte_of(at[1])],
                        c = values[byte_of(at[2])], d = values[byte_of(at[3])];
    wrong |= a | b | c | d;
    const std::uint32_t bits = a << 18 | b << 12 | c << 6 | d;
    *out++ = static_cast<char>(bits >> 16);
    *out++ = static_cast<char>(bits >> 8);
    *out++ = static_cast<char>(bits);
  }
  const std::size_t rest = text.size() % 4;
  if (rest == 1) return false;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < rest; ++i) {
    const std::uint32_t value = values[byte_of(at[i])];
    wrong |= value;
    bits |= value << (18 - 6 * i);
  }
  if (rest > 0) *out++ = static_cast<char>(bits >> 16);
  if (rest > 2) *out++ = static_cast<char>(bits >> 8);
  return wrong < 64;
}

void encode(char* to, std::string_view bytes) {
  const char* at = bytes.data();
  const char* const full = at + bytes.size() / 3 * 3;
  for (; at != full; at += 3, to += 4) {
    const std::uint32_t bits = byte_of(at[0]) << 16 | byte_of(at[1]) << 8 | byte_of(at[2]);
    const auto &first = kPairs[bits >> 12], &second = kPairs[bits & 0xfff];
    to[0] = first[0];
    to[1] = first[1];
    to[2] = second[0];
    to[3] = second[1];
  }
  const std::size_t rest = bytes.size() % 3;
  if (rest == 0) return;
  const std::uint32_t bits = byte_of(at[0]) << 16 | (rest == 2 ? byte_of(at[1]) << 8 : 0);
  to[0] = kStandard[bits >> 18];
  to[1] = kStandard[bits >> 12 & 63];
  to[2] = rest == 2 ? kStandard[bits >> 6 & 63] : '=';
  to[3] = '=';
}

bool append_decoded(std::string& out, std::string_view text, bool padded,
                    const std::array<std::uint8_t, 256>& values) {
  for (int i = 0; padded && i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  const std::size_t before = out.size();
  const std::size_t after = before + text.size() / 4 * 3 + text.size() % 4 * 3 / 4;
  bool good = false;
  out.resize_and_overwrite(after, [&](char* data, std::size_t) {
    good = decode(data + before, text, values);
    return good ? after : before;
  });
  return good;
}

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
  const std::size_t before = out.size();
  const std::size_t after = before + (bytes.size() + 2) / 3 * 4;
  out.resize_and_overwrite(after, [&](char* data, std::size_t) {
    encode(data + before, bytes);
    return after;
  });
}

bool append_from_plain_base64(std::string& out, std::string_view text) {
  return append_decoded(out, text, text.size() % 4 == 0, kStandardValues);
}

bool append_from_base64(std::string& out, std::string_view text) {
  const bool padded = text.size() % 4 == 0;  // line ends count, as in Go
  std::string plain;
  for (char c : text) {
    if (c != '\r' && c != '\n') plain += c;
  }
  if (padded && plain.size() % 4 != 0) return false;
  return append_decoded(out, plain, padded, kStandardValues) ||
         append_decoded(out, plain, padded, kUrlValues);
}

}  // namespace polis::json
