#pragma once

// Bytes as base64 (RFC 4648), written and read as etcd's gateway does it.
//
// Pure. Source: RFC 4648; the answers of etcd 3.7's gateway.

#include <string>
#include <string_view>

namespace polis::json {

// Appends `bytes` in the standard alphabet, with padding.
void append_base64(std::string& out, std::string_view bytes);
// Appends what `text` stands for: in either alphabet, padded or, where its length is not a multiple
// of four, without padding. Line ends within it are passed over, and bits beyond the last byte may
// be anything. False: it is no base64, and nothing was appended.
bool append_from_base64(std::string& out, std::string_view text);
// The same for what nearly every client sends: the standard alphabet, no line ends. False: look
// again with the other one.
bool append_from_plain_base64(std::string& out, std::string_view text);

}  // namespace polis::json
