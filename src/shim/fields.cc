#include "shim/fields.hh"

#include <cstring>

namespace polis::shim {
namespace {

constexpr std::uint64_t kVarint = 0;
constexpr std::uint64_t kString = 2;
constexpr std::uint64_t kFieldMax = 1 << 20;  // of a number; more is no field of ours

}  // namespace

void FieldWriter::raw(std::string_view bytes) {
  if (!ok_ || bytes.size() > capacity_ - size_) {
    ok_ = false;
    return;
  }
  if (!bytes.empty()) std::memcpy(buffer_ + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

void FieldWriter::varint(std::uint64_t value) {
  char bytes[10];
  std::size_t n = 0;
  for (; value >= 0x80; value >>= 7) bytes[n++] = static_cast<char>(value | 0x80);
  bytes[n++] = static_cast<char>(value);
  raw({bytes, n});
}

void FieldWriter::number(std::uint32_t field, std::uint64_t value) {
  if (value == 0) return;
  varint(std::uint64_t{field} * 8 + kVarint);
  varint(value);
}

void FieldWriter::text(std::uint32_t field, std::string_view bytes) {
  if (!bytes.empty()) element(field, bytes);
}

void FieldWriter::element(std::uint32_t field, std::string_view bytes) {
  varint(std::uint64_t{field} * 8 + kString);
  varint(bytes.size());
  raw(bytes);
}

bool FieldReader::varint(std::uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && at_ != end_; shift += 7) {
    const auto byte = static_cast<unsigned char>(*at_++);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return ok_ = false;
}

bool FieldReader::next(Field& field) {
  if (!ok_ || at_ == end_) return false;
  std::uint64_t tag = 0, value = 0;
  if (!varint(tag) || !varint(value)) return false;
  const std::uint64_t shape = tag % 8;
  if ((shape != kVarint && shape != kString) || tag / 8 > kFieldMax) return ok_ = false;
  field = {static_cast<std::uint32_t>(tag / 8), shape == kString, 0, {}};
  if (!field.is_string) {
    field.value = value;
    return true;
  }
  if (value > static_cast<std::uint64_t>(end_ - at_)) return ok_ = false;
  field.bytes = {at_, static_cast<std::size_t>(value)};
  at_ += value;
  return true;
}

bool is_c_string(std::string_view bytes) {
  return !bytes.empty() && std::memchr(bytes.data(), 0, bytes.size()) == &bytes.back();
}

}  // namespace polis::shim
