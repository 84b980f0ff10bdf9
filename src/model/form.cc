#include "model/form.hh"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/nearest.hh"

namespace polis::model {
namespace {

struct Unit {
  const char* name;
  std::int64_t size;
};
// From large to small, as durations are written.
constexpr Unit kTimes[] = {{"d", 86'400'000'000'000},
                           {"h", 3'600'000'000'000},
                           {"m", 60'000'000'000},
                           {"s", 1'000'000'000},
                           {"ms", 1'000'000}};
constexpr Unit kSizes[] = {{"TiB", 1LL << 40},
                           {"TB", 1'000'000'000'000},
                           {"GiB", 1LL << 30},
                           {"GB", 1'000'000'000},
                           {"MiB", 1LL << 20},
                           {"MB", 1'000'000},
                           {"KiB", 1LL << 10},
                           {"KB", 1'000},
                           {"B", 1}};
// What people write instead.
constexpr std::array<std::pair<const char*, const char*>, 24> kMeantUnits{
    {{"", "s"},      {"sec", "s"},  {"secs", "s"},   {"second", "s"},  {"seconds", "s"},
     {"min", "m"},   {"mins", "m"}, {"minute", "m"}, {"minutes", "m"}, {"hour", "h"},
     {"hours", "h"}, {"day", "d"},  {"days", "d"},   {"msec", "ms"},   {"k", "KiB"},
     {"ki", "KiB"},  {"kb", "KB"},  {"m", "MiB"},    {"mi", "MiB"},    {"mb", "MB"},
     {"g", "GiB"},   {"gi", "GiB"}, {"gb", "GB"},    {"t", "TiB"}}};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Digits at the beginning, which are taken off.
std::optional<std::int64_t> take_digits(std::string_view& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || text.front() == '-') return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

// Whole numbers, '-' included.
std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> times(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// "1h30m": each unit at most once, from large to small.
std::optional<std::int64_t> read_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::int64_t sum = 0;
  std::size_t next = 0;
  while (!text.empty()) {
    const auto value = take_digits(text);
    const std::string_view unit = text.substr(0, text.find_first_of("0123456789"));
    text.remove_prefix(unit.size());
    while (next < std::size(kTimes) && unit != kTimes[next].name) ++next;
    if (!value || next == std::size(kTimes)) return std::nullopt;
    const auto part = times(*value, kTimes[next++].size);
    if (!part || __builtin_add_overflow(sum, *part, &sum)) return std::nullopt;
  }
  return sum;
}

std::optional<std::int64_t> read_size(std::string_view text) {
  if (text == "0") return 0;
  const auto value = take_digits(text);
  for (const Unit& unit : kSizes) {
    if (value && text == unit.name) return times(*value, unit.size);
  }
  return std::nullopt;
}

// "0.25" or "250m": thousandths.
std::optional<std::int64_t> read_cpu(std::string_view text) {
  if (text.ends_with('m')) return whole(text.substr(0, text.size() - 1));
  const auto cores = text.empty() ? std::nullopt : take_digits(text);
  if (!cores) return std::nullopt;
  std::int64_t thousandths = 0;
  if (!text.empty()) {
    if (text.front() != '.' || text.size() < 2 || text.size() > 4) return std::nullopt;
    const std::string digits = std::string(text.substr(1)) + std::string(4 - text.size(), '0');
    const auto fraction = whole(digits);
    if (!fraction || digits.front() == '-' || digits.front() == '+') return std::nullopt;
    thousandths = *fraction;
  }
  const auto scaled = times(*cores, 1000);
  return scaled ? std::optional(*scaled + thousandths) : std::nullopt;
}

std::optional<std::int64_t> read_mode(std::string_view text) {
  std::int64_t value = 0;
  if (text.size() < 3 || text.size() > 4) return std::nullopt;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    value = value * 8 + (c - '0');
  }
  return value;
}

std::optional<std::int64_t> read_share(std::string_view text) {
  if (text == "auto") return kShareByItself;
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  const auto value = whole(text);
  if (!value || *value < 0 || *value > (percent ? 100 : 100'000)) return std::nullopt;
  return *value * 2 + (percent ? 1 : 0);
}

std::optional<std::int64_t> read_choice(const Form& form, std::string_view text) {
  const auto found = std::ranges::find(form.words, text);
  if (found == form.words.end()) return std::nullopt;
  return found - form.words.begin();
}

std::optional<std::int64_t> read(const Form& form, std::string_view text) {
  switch (form.kind) {
    case Form::Kind::kBool:
      return text == "true" ? std::optional(1) : text == "false" ? std::optional(0) : std::nullopt;
    case Form::Kind::kChoice:
      return read_choice(form, text);
    case Form::Kind::kDuration:
      return read_duration(text);
    case Form::Kind::kSize:
      return read_size(text);
    case Form::Kind::kCpu:
      return read_cpu(text);
    case Form::Kind::kPort:
      if (text == "dynamic") return 0;
      return text == "0" ? std::nullopt : whole(text);
    case Form::Kind::kMode:
      return read_mode(text);
    case Form::Kind::kShare:
      return read_share(text);
    default:
      return whole(text);
  }
}

std::string quoted_meant(std::string_view text) {
  return text.empty() ? "" : fmt::format("; did you mean '{}'?", text);
}

// "15" for a time is most likely "15s", "64Mi" for a size "64MiB".
std::string with_right_unit(const Form& form, std::string_view text) {
  std::string_view rest = text;
  if (text.empty() || !take_digits(rest)) return "";
  const std::string_view digits = text.substr(0, text.size() - rest.size());
  const bool size = form.kind == Form::Kind::kSize;
  if (size && rest.empty()) return fmt::format("{}B", digits);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  for (const auto& [written, meant] : kMeantUnits) {
    const std::string candidate = fmt::format("{}{}", digits, meant);
    if (lower(rest) == written && read(form, candidate)) return candidate;
  }
  const std::string joined = fmt::format("{}{}", digits, rest);
  return read(form, joined) ? joined : "";
}

std::string meant(const Form& form, std::string_view text) {
  const std::string small = lower(text);
  switch (form.kind) {
    case Form::Kind::kBool:
      if (small == "yes" || small == "on" || small == "1" || small == "true")
        return quoted_meant("true");
      if (small == "no" || small == "off" || small == "0" || small == "false")
        return quoted_meant("false");
      return "";
    case Form::Kind::kChoice:
      return did_you_mean(small, {form.words.begin(), form.words.end()});
    case Form::Kind::kDuration:
    case Form::Kind::kSize:
      return quoted_meant(with_right_unit(form, text));
    case Form::Kind::kPort:
      return did_you_mean(small, {"dynamic"});
    default:
      return "";
  }
}

std::string written_with(std::span<const Unit> units, std::int64_t value) {
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.size == 0)
      return fmt::format("{}{}", value / unit.size, unit.name);
  }
  return "0";
}

std::string write_duration(std::int64_t value) {
  std::string text;
  for (const Unit& unit : kTimes) {
    if (value / unit.size > 0) text += fmt::format("{}{}", value / unit.size, unit.name);
    value %= unit.size;
  }
  return text.empty() ? "0s" : text;
}

std::string write_cpu(std::int64_t thousandths) {
  if (thousandths % 1000 == 0) return fmt::format("{}", thousandths / 1000);
  std::string text = fmt::format("{}.{:03}", thousandths / 1000, thousandths % 1000);
  while (text.ends_with('0')) text.pop_back();
  return text;
}

std::string list_of(std::span<const char* const> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace

std::string expectation(const Form& form) {
  const auto range = [&](const char* what, const char* examples) {
    return fmt::format("{} from {} to {}{}", what, write_number(form, form.min),
                       write_number(form, form.max), examples);
  };
  switch (form.kind) {
    case Form::Kind::kText:
      return form.expected;
    case Form::Kind::kNumber:
      return range("a whole number", "");
    case Form::Kind::kBool:
      return "true or false";
    case Form::Kind::kChoice:
      return list_of(form.words);
    case Form::Kind::kDuration:
      return range("a time", ", such as 500ms, 15s or 1m30s");
    case Form::Kind::kSize:
      return range("a size", ", such as 64MiB or 2GB");
    case Form::Kind::kCpu:
      return range("a number of cores", ", such as 0.25 or 2");
    case Form::Kind::kPort:
      return "a port from 1 to 65535, or dynamic";
    case Form::Kind::kMode:
      return "octal digits such as 0644";
    case Form::Kind::kShare:
      return "a number of instances, a part of them such as 25%, or auto";
  }
  return "";
}

std::expected<std::int64_t, Wrong> read_number(const Form& form, std::string_view text) {
  const auto value = read(form, text);
  const bool in_range = form.kind == Form::Kind::kBool || form.kind == Form::Kind::kChoice ||
                        form.kind == Form::Kind::kShare ||
                        (value && *value >= form.min && *value <= form.max);
  if (value && in_range) return *value;
  return std::unexpected(Wrong{expectation(form), value ? "" : meant(form, text)});
}

std::string write_number(const Form& form, std::int64_t number) {
  switch (form.kind) {
    case Form::Kind::kBool:
      return number != 0 ? "true" : "false";
    case Form::Kind::kChoice:
      // A word of a later release.
      if (number < 0 || number >= static_cast<std::int64_t>(form.words.size()))
        return fmt::format("?{}", number);
      return form.words[static_cast<std::size_t>(number)];
    case Form::Kind::kDuration:
      return write_duration(number);
    case Form::Kind::kSize:
      return written_with(kSizes, number);
    case Form::Kind::kCpu:
      return write_cpu(number);
    case Form::Kind::kPort:
      return number == 0 ? "dynamic" : fmt::format("{}", number);
    case Form::Kind::kMode:
      return fmt::format("{:04o}", static_cast<std::uint64_t>(number));
    case Form::Kind::kShare:
      if (number == kShareByItself) return "auto";
      return fmt::format("{}{}", number / 2, number % 2 != 0 ? "%" : "");
    default:
      return fmt::format("{}", number);
  }
}

std::optional<Wrong> check_text(const Form& form, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return Wrong{"a text without NUL", ""};
  if (!is_utf8(text)) return Wrong{"UTF-8", ""};
  if (text.size() > form.bytes_max)
    return Wrong{fmt::format("at most {} bytes", form.bytes_max), ""};
  if (form.valid == nullptr || form.valid(text)) return std::nullopt;
  std::string meant;
  if (!form.words.empty()) {
    std::string upper(text);
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (upper.starts_with("SIG")) upper.erase(0, 3);
    meant = did_you_mean(upper, {form.words.begin(), form.words.end()});
  } else if (form.valid == is_label) {
    std::string label = lower(text);
    std::ranges::replace(label, '_', '-');
    std::ranges::replace(label, ' ', '-');
    if (is_label(label)) meant = quoted_meant(label);
  }
  return Wrong{form.expected, meant};
}

}  // namespace polis::model
