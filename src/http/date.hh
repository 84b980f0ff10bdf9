#pragma once

// The Date field of answers.

#include <cstdint>
#include <string>

namespace polis::http {

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7); `seconds` since 1970.
std::string http_date(std::int64_t seconds);

}  // namespace polis::http
