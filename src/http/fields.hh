#pragma once

// Header fields, as both versions of HTTP have them, and what may stand in them.
//
// Source: RFC 9110 chapter 5 (fields), RFC 9113 section 8.2 (HTTP/2), RFC 9112 section 5
// (HTTP/1.1).

#include <string_view>
#include <utility>
#include <vector>

namespace polis::http {

using Field = std::pair<std::string_view, std::string_view>;
// Names are in lower case. Views belong to whoever gives them.
using Fields = std::vector<Field>;

// The value of the first field of this name; empty if there is none.
std::string_view find_field(const Fields& fields, std::string_view name);
bool has_field(const Fields& fields, std::string_view name);
// Whether a comma-separated list, such as the value of Connection, names `token`, in any case.
bool list_names(std::string_view list, std::string_view token);
bool equals_ignoring_case(std::string_view a, std::string_view b);

// RFC 9110 5.6.2: one or more characters of a token.
bool is_token(std::string_view text);
// RFC 9110 5.5: no control characters except tab. Blanks around the value are allowed here.
bool is_field_value(std::string_view text);
// Without blanks and tabs at both ends.
std::string_view trim_blanks(std::string_view text);

}  // namespace polis::http
