#pragma once

// When a job runs: the five fields of cron (POSIX crontab, with the names, steps and lists of
// Vixie's), in minutes of a calendar. Which instant such a minute is in a time zone is for who has
// the zone's data: a minute that the clocks skip runs at the first minute after, and one that they
// repeat runs once.
//
// As in every cron: if both the day of the month and the day of the week are restricted, either
// suffices.
//
// Threads: any; pure.

#include <bitset>
#include <chrono>
#include <optional>
#include <string_view>

#include "base/error.hh"

namespace polis::model {

struct Schedule {
  std::bitset<60> minutes;
  std::bitset<24> hours;
  std::bitset<32> days;      // 1 to 31
  std::bitset<13> months;    // 1 to 12
  std::bitset<7> weekdays;   // 0: Sunday
  bool any_day = false;      // of the month: its field begins with '*'
  bool any_weekday = false;  // likewise
  bool operator==(const Schedule&) const = default;
};

// kInvalid: the text names the field that is wrong. @hourly, @daily, @weekly, @monthly and @yearly
// are understood.
Result<Schedule> parse_schedule(std::string_view text);

// A minute of a calendar, without a zone.
using CivilMinute = std::chrono::time_point<std::chrono::local_t, std::chrono::minutes>;

// The first minute after `minute` at which the schedule fires. Nothing: it never does, as on the
// 30th of February.
std::optional<CivilMinute> next_after(const Schedule& schedule, CivilMinute minute);

}  // namespace polis::model
