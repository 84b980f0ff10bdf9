#pragma once

// Header fields of HTTP/1.1 and HTTP/2, and which characters they may have.
//
// Threads: pure functions, from any thread.
// Source: RFC 9110 chapter 5 (fields), RFC 9113 section 8.2 (HTTP/2), RFC 9112 section 5
// (HTTP/1.1).

#include <string_view>
#include <utility>
#include <vector>

namespace polis::http {

using Field = std::pair<std::string_view, std::string_view>;
// Names are in lower case. The views point into memory that the giver of the fields owns.
using Fields = std::vector<Field>;

// The value of the first field of this name; empty if there is none.
std::string_view find_field(const Fields& fields, std::string_view name);
bool has_field(const Fields& fields, std::string_view name);
// Whether a comma-separated list, such as the value of Connection, has `token`; upper and lower
// case are alike.
bool list_names(std::string_view list, std::string_view token);
bool equals_ignoring_case(std::string_view a, std::string_view b);

// Whether `text` is a token: one or more of the characters of RFC 9110 5.6.2.
bool is_token(std::string_view text);
// Whether `text` may be a field's value: no control characters except tab (RFC 9110 5.5). Blanks
// around the value are allowed.
bool is_field_value(std::string_view text);
// `text` without blanks and tabs at both ends.
std::string_view trim_blanks(std::string_view text);

}  // namespace polis::http
