#pragma once

// What an HTTP/2 request must look like before anybody handles it. Stricter than some clients in
// nothing that they rely on: `:authority` may be any text, since clients of etcd put lists of
// endpoints there, and values may have blanks around them.
//
// Source: RFC 9113 sections 8.1 to 8.3.

#include <optional>
#include <string_view>

#include "http/fields.hh"

namespace polis::http {

struct RequestHead {
  std::string_view method, scheme, authority, target;
  Fields fields;  // without pseudo-header fields; values without blanks around them
};

// Nothing: the request is malformed, and its stream must be reset with PROTOCOL_ERROR.
std::optional<RequestHead> parse_request_head(const Fields& block);
// Trailers are fields alone.
bool are_trailers(const Fields& block);

}  // namespace polis::http
