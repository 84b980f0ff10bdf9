#include "json/number.hh"

#include <charconv>
#include <string>

namespace polis::json {
namespace {

constexpr int kDigitsMax = 20;  // of 64 bits

// The number without fraction and exponent, as far as it has neither. Empty: it is none.
std::string plain_digits(std::string_view text) {
  std::string digits;
  if (text.starts_with('-')) {
    digits = "-";
    text.remove_prefix(1);
  }
  const std::size_t sign = digits.size();
  const std::size_t e = text.find_first_of("eE");
  std::string_view mantissa = text.substr(0, e);
  std::int64_t exponent = 0;
  bool huge = false;  // the exponent
  if (e != std::string_view::npos) {
    std::string_view power = text.substr(e + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    huge = std::from_chars(power.data(), power.data() + power.size(), exponent).ec != std::errc();
  }
  const std::size_t point = mantissa.find('.');
  digits += mantissa.substr(0, point);
  if (point != std::string_view::npos) {
    const std::string_view fraction = mantissa.substr(point + 1);
    digits += fraction;
    exponent -= static_cast<std::int64_t>(fraction.size());
  }
  const std::size_t first = digits.find_first_not_of('0', sign);
  if (first == std::string::npos) return "0";
  digits.erase(sign, first - sign);
  while (exponent < 0 && digits.ends_with('0')) {
    digits.pop_back();
    ++exponent;
  }
  if (huge || exponent < 0 || exponent > kDigitsMax) return {};
  return digits.append(static_cast<std::size_t>(exponent), '0');
}

}  // namespace

template <typename Integer>
std::optional<Integer> whole_number(std::string_view text) {
  Integer value = 0;
  const auto parse = [&](std::string_view digits) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  if (parse(text) || parse(plain_digits(text))) return value;
  return std::nullopt;
}

template std::optional<std::int32_t> whole_number(std::string_view);
template std::optional<std::int64_t> whole_number(std::string_view);
template std::optional<std::uint32_t> whole_number(std::string_view);
template std::optional<std::uint64_t> whole_number(std::string_view);

}  // namespace polis::json
