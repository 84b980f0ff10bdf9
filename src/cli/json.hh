#pragma once

// The JSON that `-o json` prints for a protobuf message: protobuf's JSON form with the field names
// of the .proto file; zero values are left out, bytes are in base64, 64-bit numbers are text.
//
// Ids (of cells, members and leases) are text in hex, the form in which commands print and take
// them: `polis lease ttl ID` takes what `polis lease grant -o json` gives. (etcdctl prints them as
// decimal numbers, which lose digits in every reader that knows doubles alone.)
//
// Threads: any.

#include <google/protobuf/message.h>

#include <cstdint>
#include <string>

namespace polis::cli {

// The id of a cell or a member, in hex.
std::string id_text(std::uint64_t id);
// The id of a lease in hex, always 16 digits, as etcdctl prints it.
std::string lease_text(std::int64_t id);

std::string to_json(const google::protobuf::Message& message);

// `text` as a JSON string, with quotes, and with the escapes \" \\ and \u00XX.
std::string json_string(const std::string& text);

}  // namespace polis::cli
