#pragma once

// Objects of JSON that follow each other, cut out of a stream of pieces.

#include <string>
#include <string_view>

namespace polis::json {

class ObjectReader {
 public:
  enum class Outcome { kMore, kObject, kTooLarge, kNoObject };
  explicit ObjectReader(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void add(std::string_view bytes) { buffer_ += bytes; }
  // kObject: `object` is the next one, valid until the next call. kNoObject: something else than
  // blanks stands between two objects.
  Outcome next(std::string_view& object);
  std::size_t held() const { return buffer_.size() - begin_; }
  bool only_blanks_left() const;
  // What was added and not taken.
  std::string_view all() const { return std::string_view(buffer_).substr(begin_); }
  // Forgets everything.
  void clear() { *this = ObjectReader(bytes_max_); }

 private:
  std::size_t bytes_max_;
  std::string buffer_;
  std::size_t begin_ = 0, at_ = 0;  // of the next object; how far it was looked through
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false;
};

}  // namespace polis::json
