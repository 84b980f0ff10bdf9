#pragma once

// Fields: the one form in which the shim and its agent write structures. Each field is a tag and a
// value; a reader skips the fields that it does not know, so that both sides may be of different
// releases (docs/formats/shim.md).
//
//   field := tag varint (8 * number + shape) | value      shape: 0 varint, 2 string
//
// Shared by the shim and the agent: no allocation, no exceptions, nothing of libstdc++'s runtime.
//
// Threads: any.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace polis::shim {

// Writes into a buffer of the caller's. After the first field that did not fit, ok() is false and
// nothing more is written.
class FieldWriter {
 public:
  FieldWriter(char* buffer, std::size_t capacity) : buffer_(buffer), capacity_(capacity) {}

  // 0 is left out: it is what a reader takes for a field that is absent.
  void number(std::uint32_t field, std::uint64_t value);
  // An empty one is left out.
  void text(std::uint32_t field, std::string_view bytes);
  // An element of a list: written even if it is empty.
  void element(std::uint32_t field, std::string_view bytes);

  bool ok() const { return ok_; }
  std::string_view bytes() const { return {buffer_, size_}; }

 private:
  void varint(std::uint64_t value);
  void raw(std::string_view bytes);

  char* buffer_;
  std::size_t capacity_;
  std::size_t size_ = 0;
  bool ok_ = true;
};

struct Field {
  std::uint32_t number = 0;
  bool is_string = false;
  std::uint64_t value = 0;  // of shape 0; otherwise 0
  std::string_view bytes;   // of shape 2, points into the input; otherwise empty
};

// Reads bytes that may be wrong.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  // False: there is no further field, or what follows is none. ok() tells which.
  bool next(Field& field);
  bool ok() const { return ok_; }

 private:
  bool varint(std::uint64_t& value);

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

// Strings that the shim hands to the system carry their final zero byte with them, so that nothing
// has to be copied. True: the last byte is zero and no other one is.
bool is_c_string(std::string_view bytes);
// Without the final zero byte. Only for what is_c_string holds for.
inline std::string_view without_zero(std::string_view bytes) {
  return {bytes.data(), bytes.size() - 1};
}

}  // namespace polis::shim
