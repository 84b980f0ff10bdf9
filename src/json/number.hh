#pragma once

// Whole numbers as JSON writes them.
//
// Pure. Source: RFC 8259 section 6; the answers of etcd 3.7's gateway.

#include <cstdint>
#include <optional>
#include <string_view>

namespace polis::json {

// `text` is a number of JSON. Nothing: it is no whole number, or is beyond the type's range.
// A fraction that is zero and an exponent are fine: 1.0, 1e2, 120e-1.
template <typename Integer>
std::optional<Integer> whole_number(std::string_view text);

extern template std::optional<std::int32_t> whole_number(std::string_view);
extern template std::optional<std::int64_t> whole_number(std::string_view);
extern template std::optional<std::uint32_t> whole_number(std::string_view);
extern template std::optional<std::uint64_t> whole_number(std::string_view);

}  // namespace polis::json
