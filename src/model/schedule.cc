#include "model/schedule.hh"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <span>
#include <string>
#include <vector>

namespace polis::model {
namespace {

// All weekdays and leap years come round within 28 years, but for a century without a leap day.
constexpr int kYearsMax = 48;

constexpr const char* kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                   "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr const char* kWeekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Field {
  const char* name;
  int min, max;
  std::span<const char* const> names;  // of min, min + 1 ...
};
constexpr Field kFields[] = {{"minute", 0, 59, {}},
                             {"hour", 0, 23, {}},
                             {"day of the month", 1, 31, {}},
                             {"month", 1, 12, kMonths},
                             {"day of the week", 0, 7, kWeekdays}};

constexpr std::pair<const char*, const char*> kShort[] = {{"@hourly", "0 * * * *"},
                                                          {"@daily", "0 0 * * *"},
                                                          {"@weekly", "0 0 * * 0"},
                                                          {"@monthly", "0 0 1 * *"},
                                                          {"@yearly", "0 0 1 1 *"}};

std::vector<std::string_view> cut(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<int> value_of(const Field& field, std::string_view text) {
  for (std::size_t i = 0; i < field.names.size(); ++i) {
    if (text == field.names[i]) return field.min + static_cast<int>(i);
  }
  const auto value = number(text);
  return value && *value >= field.min && *value <= field.max ? value : std::nullopt;
}

// "*", "5", "1-5", each perhaps with "/2". Sets bits; false: it is none of these.
bool read_part(const Field& field, std::string_view text, std::bitset<64>& bits) {
  const auto halves = cut(text, '/');
  const auto step = halves.size() == 2 ? number(halves[1]) : std::optional(1);
  if (halves.size() > 2 || !step || *step == 0) return false;
  int first = field.min, last = field.max;
  if (halves[0] != "*") {
    const auto ends = cut(halves[0], '-');
    const auto from = value_of(field, ends[0]);
    const auto to = ends.size() == 2 ? value_of(field, ends[1]) : from;
    if (ends.size() > 2 || !from || !to || *to < *from) return false;
    first = *from;
    if (ends.size() == 2 || halves.size() == 1) last = *to;  // "5/15": from 5 on
  }
  for (int value = first; value <= last; value += *step) bits.set(static_cast<std::size_t>(value));
  return true;
}

std::optional<std::bitset<64>> read_field(const Field& field, std::string_view text) {
  std::bitset<64> bits;
  for (const std::string_view part : cut(text, ',')) {
    if (!read_part(field, part, bits)) return std::nullopt;
  }
  return bits;
}

template <std::size_t kBits>
std::bitset<kBits> narrowed(const std::bitset<64>& bits) {
  return std::bitset<kBits>(bits.to_ullong() & ((std::uint64_t{1} << kBits) - 1));
}

bool day_fits(const Schedule& schedule, std::chrono::local_days day) {
  const std::chrono::year_month_day date(day);
  if (!schedule.months[static_cast<unsigned>(date.month())]) return false;
  const bool by_day = schedule.days[static_cast<unsigned>(date.day())];
  const bool by_weekday = schedule.weekdays[std::chrono::weekday(day).c_encoding()];
  return schedule.any_day || schedule.any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

}  // namespace

Result<Schedule> parse_schedule(std::string_view text) {
  for (const auto& [name, meaning] : kShort) {
    if (text == name) text = meaning;
  }
  std::vector<std::string_view> fields;
  for (const std::string_view part : cut(text, ' ')) {
    if (!part.empty()) fields.push_back(part);
  }
  if (fields.size() != std::size(kFields))
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' has {} fields; a schedule has 5", text, fields.size()));
  std::array<std::bitset<64>, std::size(kFields)> bits;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto read = read_field(kFields[i], fields[i]);
    if (!read)
      return fail(ErrorCode::kInvalid, fmt::format("'{}' is no {}", fields[i], kFields[i].name));
    bits[i] = *read;
  }
  if (bits[4][7]) bits[4].set(0);  // 7 is Sunday, too
  return Schedule{narrowed<60>(bits[0]),     narrowed<24>(bits[1]), narrowed<32>(bits[2]),
                  narrowed<13>(bits[3]),     narrowed<7>(bits[4]),  fields[2].starts_with('*'),
                  fields[4].starts_with('*')};
}

std::optional<CivilMinute> next_after(const Schedule& schedule, CivilMinute minute) {
  const CivilMinute first = minute + std::chrono::minutes(1);
  auto day = std::chrono::floor<std::chrono::days>(first);
  const auto last = day + std::chrono::days(366 * kYearsMax);
  for (; day < last; day += std::chrono::days(1)) {
    if (!day_fits(schedule, day)) continue;
    const int from = day < first ? static_cast<int>((first - day).count()) : 0;
    for (int at = from; at < 24 * 60; ++at) {
      if (schedule.hours[static_cast<std::size_t>(at / 60)] &&
          schedule.minutes[static_cast<std::size_t>(at % 60)])
        return CivilMinute(day) + std::chrono::minutes(at);
    }
  }
  return std::nullopt;
}

}  // namespace polis::model
