#pragma once

// Strings of JSON: what may stand between the quotes, and how it is written.
//
// Pure. Source: RFC 8259 section 7, RFC 3629; the answers of etcd 3.7's gateway.

#include <optional>
#include <string>
#include <string_view>

namespace polis::json {

// Whether the text is UTF-8: no overlong forms, no surrogates.
bool is_utf8(std::string_view text);
// What `raw` says, which stands between the quotes of a string that is JSON. Nothing: one of its
// escapes is half of a surrogate pair.
std::optional<std::string> unescaped(std::string_view raw);
// Appends the text as a JSON string, with its quotes. What is no UTF-8 becomes U+FFFD.
void append_quoted(std::string& out, std::string_view text);
inline std::string quoted(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

}  // namespace polis::json
