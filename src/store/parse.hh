#pragma once

// Protobuf messages from bytes that may be anything.

#include <google/protobuf/message_lite.h>

#include <string_view>

namespace polis::store {

// False: the bytes are no such message.
inline bool parse(google::protobuf::MessageLite& message, std::string_view bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace polis::store
