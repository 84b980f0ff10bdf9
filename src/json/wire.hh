#pragma once

// Protobuf's wire form, as far as translation needs it.
// Source: the protocol buffers' description of their encoding.

#include <cstdint>
#include <string>
#include <string_view>

namespace polis::json {

inline constexpr std::uint32_t kWireVarint = 0, kWireFixed64 = 1, kWireDelimited = 2,
                               kWireFixed32 = 5;

inline void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

// Removes a varint from the front. False: the bytes do not begin with one.
inline bool take_varint(std::string_view& bytes, std::uint64_t& value) {
  value = 0;
  for (std::size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      bytes.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

// Removes a length and so many bytes from the front. False: there are fewer.
inline bool take_delimited(std::string_view& bytes, std::string_view& content) {
  std::uint64_t length = 0;
  if (!take_varint(bytes, length) || length > bytes.size()) return false;
  content = bytes.substr(0, length);
  bytes.remove_prefix(length);
  return true;
}

// Writes a length before what is appended between begin and end.
class Delimited {
 public:
  explicit Delimited(std::string& out) : out_(out), begin_(out.size() + 1) { out.push_back('\0'); }
  void end() {
    const std::size_t length = out_.size() - begin_;
    if (length < 0x80) {
      out_[begin_ - 1] = static_cast<char>(length);
      return;
    }
    std::string bytes;
    append_varint(bytes, length);
    out_.replace(begin_ - 1, 1, bytes);
  }

 private:
  std::string& out_;
  std::size_t begin_;  // of the content
};

}  // namespace polis::json
