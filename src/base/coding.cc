#include "base/coding.hh"

#include "base/check.hh"

namespace polis {

void Writer::varint(std::uint64_t v) {
  while (v >= 0x80) {
    out_.push_back(static_cast<char>(v | 0x80));
    v >>= 7;
  }
  out_.push_back(static_cast<char>(v));
}

std::uint64_t Reader::varint() {
  std::uint64_t v = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    std::uint8_t byte = u8();
    if (!ok_) return 0;
    v |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return v;
  }
  ok_ = false;
  return 0;
}

std::string_view Reader::take(std::uint64_t n) {
  if (!ok_ || n > rest_.size()) {
    ok_ = false;
    return {};
  }
  std::string_view bytes = rest_.substr(0, n);
  rest_.remove_prefix(n);
  return bytes;
}

void append_big_endian(std::string& out, std::uint64_t v) {
  std::uint64_t swapped = __builtin_bswap64(v);
  char bytes[8];
  std::memcpy(bytes, &swapped, 8);
  out.append(bytes, 8);
}

std::uint64_t big_endian(std::string_view eight_bytes) {
  CHECK(eight_bytes.size() >= 8);
  std::uint64_t v;
  std::memcpy(&v, eight_bytes.data(), 8);
  return __builtin_bswap64(v);
}

}  // namespace polis
