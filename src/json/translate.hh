#pragma once

// Protobuf messages as JSON and back, as etcd's gateway has them: names as in the .proto file (the
// lowerCamel form is read, too), 64-bit numbers as text, bytes in base64, zero values left out,
// unknown fields passed over.
//
// Pure. Source: the protocol buffers' JSON mapping; libprotobuf 3.21.

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>

#include "base/error.hh"

namespace polis::json {

// The message in wire form. kInvalid: what is wrong with the text. Empty text is an empty message.
Result<std::string> to_message(const google::protobuf::Descriptor& type, std::string_view text);
// kInvalid: the bytes are no such message.
Result<std::string> from_message(const google::protobuf::Descriptor& type, std::string_view bytes);

// `text` as a JSON string, with its quotes.
std::string quoted(std::string_view text);

// Cuts JSON objects that follow each other out of a stream of pieces.
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
