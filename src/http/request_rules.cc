#include "http/request_rules.hh"

#include <algorithm>

namespace polis::http {
namespace {

bool is_lower_token(std::string_view name) {
  return is_token(name) &&
         std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

// RFC 9113 8.2.2.
bool belongs_to_a_connection(std::string_view name, std::string_view value) {
  if (name == "te") return value != "trailers";
  return name == "connection" || name == "keep-alive" || name == "proxy-connection" ||
         name == "transfer-encoding" || name == "upgrade";
}

bool is_good(std::string_view name, std::string_view value) {
  return is_lower_token(name) && is_field_value(value) && !belongs_to_a_connection(name, value);
}

// Once, and with a value.
bool set_once(std::string_view& part, std::string_view value) {
  if (!part.empty() || value.empty()) return false;
  part = value;
  return true;
}

}  // namespace

std::optional<RequestHead> parse_request_head(const Fields& block) {
  RequestHead head;
  head.fields.reserve(block.size());
  for (const auto& [name, raw] : block) {
    const std::string_view value = trim_blanks(raw);
    if (!name.starts_with(':')) {
      if (!is_good(name, value)) return std::nullopt;
      head.fields.emplace_back(name, value);
      continue;
    }
    if (!head.fields.empty() || !is_field_value(value)) return std::nullopt;
    bool good = false;
    if (name == ":method") good = is_token(value) && set_once(head.method, value);
    if (name == ":scheme") good = set_once(head.scheme, value);
    if (name == ":path")
      good = value.find(' ') == std::string_view::npos && set_once(head.target, value);
    if (name == ":authority") good = value.empty() || set_once(head.authority, value);
    if (!good) return std::nullopt;
  }
  if (head.method.empty()) return std::nullopt;
  if (head.method == "CONNECT") return head;
  if (head.scheme.empty() || head.target.empty()) return std::nullopt;
  return head;
}

bool are_trailers(const Fields& block) {
  return std::all_of(block.begin(), block.end(),
                     [](const Field& field) { return is_good(field.first, field.second); });
}

}  // namespace polis::http
