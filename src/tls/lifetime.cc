#include "tls/lifetime.hh"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace polis::tls {
namespace {

constexpr std::int64_t kSecondsADay = 86'400;

std::string duration_text(std::int64_t seconds) {
  if (seconds >= 2 * kSecondsADay) return fmt::format("{} days", seconds / kSecondsADay);
  if (seconds >= 2 * 3600) return fmt::format("{} hours", seconds / 3600);
  return fmt::format("{} minutes", seconds / 60);
}

}  // namespace

Ending ending_of(const Lifetime& lifetime, std::int64_t now) {
  const std::int64_t left = lifetime.ends - now;
  if (left <= 0) return Ending::kPast;
  const std::int64_t notice =
      std::min(kEndingNoticeSeconds, (lifetime.ends - lifetime.begins) / 10);
  return left <= notice ? Ending::kSoon : Ending::kFar;
}

std::string date_text(std::int64_t seconds) {
  using namespace std::chrono;
  const sys_days day{days(seconds / kSecondsADay)};
  const year_month_day date(day);
  const std::int64_t rest = seconds % kSecondsADay;
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     rest / 3600, rest / 60 % 60, rest % 60);
}

std::string ending_text(const Lifetime& lifetime, std::int64_t now) {
  const std::string date = date_text(lifetime.ends);
  return lifetime.ends <= now
             ? fmt::format("has ended at {}: connections that verify it fail", date)
             : fmt::format("ends in {}, at {}", duration_text(lifetime.ends - now), date);
}

}  // namespace polis::tls
