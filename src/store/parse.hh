#pragma once

// Reads a protobuf message from bytes that came from outside and may be anything.
//
// Threads: pure function, from any thread.

#include <google/protobuf/message_lite.h>

#include <string_view>

namespace polis::store {

// Replaces the content of `message`. False: `bytes` is no message of this type (also if it is
// nested more than 100 deep, protobuf's limit), and `message` is of no use. Empty bytes are an
// empty message. Precondition: less than 2 GiB of bytes; the callers' limits are far below.
inline bool parse(google::protobuf::MessageLite& message, std::string_view bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace polis::store
