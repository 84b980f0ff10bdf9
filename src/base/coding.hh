#pragma once

// Writes and reads bytes: little-endian integers, varints, and strings with their length before
// them. All of the project's own formats are written in this way. Writer appends to a string.
// Reader never reads past its end; ok() says whether it would have.
//
// Threads: none of its own.

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace polis {

// Immutable bytes with several owners. The log, a write to the disk, messages to peers and the
// state machine can share the payload of an entry without a copy.
using SharedBytes = std::shared_ptr<const std::string>;

inline SharedBytes share(std::string bytes) {
  return std::make_shared<const std::string>(std::move(bytes));
}

// Appends to `out`, which must outlive the writer.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u32(std::uint32_t v) { raw(v); }
  void u64(std::uint64_t v) { raw(v); }
  void i64(std::int64_t v) { raw(v); }
  void varint(std::uint64_t v);
  // A length (varint) and the bytes.
  void string(std::string_view bytes) {
    varint(bytes.size());
    out_.append(bytes);
  }

 private:
  template <typename T>
  void raw(T v) {
    char bytes[sizeof v];
    std::memcpy(bytes, &v, sizeof v);  // every machine that Polis runs on is little-endian
    out_.append(bytes, sizeof v);
  }
  std::string& out_;
};

// Reads bytes that may be malformed. When a read goes past the end, or a varint is malformed, ok()
// becomes false; that read and all later ones give zero or an empty string. Results point into the
// input.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t u8() { return raw<std::uint8_t>(); }
  std::uint32_t u32() { return raw<std::uint32_t>(); }
  std::uint64_t u64() { return raw<std::uint64_t>(); }
  std::int64_t i64() { return raw<std::int64_t>(); }
  std::uint64_t varint();
  std::string_view string() { return take(varint()); }
  // The next `n` bytes.
  std::string_view take(std::uint64_t n);

  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }  // everything was read, without an error
  std::size_t remaining() const { return rest_.size(); }

 private:
  template <typename T>
  T raw() {
    T v{};
    std::string_view bytes = take(sizeof v);
    if (bytes.size() == sizeof v) std::memcpy(&v, bytes.data(), sizeof v);
    return v;
  }
  std::string_view rest_;
  bool ok_ = true;
};

// Appends `v` as 8 bytes, most significant first, so that such strings have the order of their
// numbers.
void append_big_endian(std::string& out, std::uint64_t v);
std::uint64_t big_endian(std::string_view eight_bytes);

}  // namespace polis
