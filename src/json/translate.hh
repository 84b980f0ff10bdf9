#pragma once

// Protobuf messages as JSON and back, as etcd's gateway has them: names as in the .proto file (the
// lowerCamel form is read, too), 64-bit numbers as text, bytes in base64, zero values left out,
// unknown fields passed over. Both ways go over the text once, by tables (json/schema.hh), without
// a message in between.
//
// Pure. Source: the protocol buffers' JSON mapping; the answers of etcd 3.7's gateway.

#include <string>
#include <string_view>

#include "base/error.hh"
#include "json/schema.hh"

namespace polis::json {

// What follows the object in the text.
enum class Rest { kRefused, kIgnored };

// Appends the message in wire form. kInvalid: what is wrong with the text, in etcd's words; `out`
// holds anything then. Empty text is an empty message. The schema must be complete.
Result<void> to_message(const Schema& schema, std::string_view text, std::string& out,
                        Rest rest = Rest::kRefused);
// Appends the message as JSON, its fields in the order of their numbers. kInvalid: the bytes are no
// such message; `out` is as it was.
Result<void> from_message(const Schema& schema, std::string_view bytes, std::string& out);

}  // namespace polis::json
