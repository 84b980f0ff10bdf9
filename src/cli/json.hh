#pragma once

// What `-o json` prints of a message: protobuf's JSON with the fields' own names, zero values left
// out, bytes in base64, 64-bit numbers as text.
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

// Of a cell or a member.
std::string id_text(std::uint64_t id);
// Of a lease: always 16 digits, as etcdctl prints it.
std::string lease_text(std::int64_t id);

std::string to_json(const google::protobuf::Message& message);

// A quoted string; \" \\ and \u00XX escapes.
std::string json_string(const std::string& text);

}  // namespace polis::cli
