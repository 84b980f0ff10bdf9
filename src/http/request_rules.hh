#pragma once

// Checks the header fields of an HTTP/2 request before a handler sees it. Two rules are relaxed
// because clients of etcd break them: `:authority` may be any text, since some put lists of
// endpoints there, and values may have blanks around them.
//
// Threads: pure functions, from any thread.
// Source: RFC 9113 sections 8.1 to 8.3.

#include <optional>
#include <string_view>

#include "http/fields.hh"

namespace polis::http {

struct RequestHead {
  std::string_view method, scheme, authority, target;
  Fields fields;  // without pseudo-header fields; values without blanks around them
};

// nullopt: the request is malformed, and its stream must be reset with PROTOCOL_ERROR. The views
// point into the memory of `block`.
std::optional<RequestHead> parse_request_head(const Fields& block);
// Whether `block` may be trailers: they have no pseudo-header fields.
bool are_trailers(const Fields& block);

}  // namespace polis::http
