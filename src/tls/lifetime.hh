#pragma once

// How long a certificate lasts, and from when on somebody should be told that it ends: the one
// place for that, whoever tells it.
//
// Threads: any. Pure: the time is handed in.

#include <cstdint>
#include <string>

namespace polis::tls {

// Times in seconds since 1970, UTC.
struct Lifetime {
  std::int64_t begins = 0;
  std::int64_t ends = 0;
};

// From this long before its end a certificate ends soon, or from the last tenth of its lifetime on,
// if that is shorter: who makes certificates for a week replaces them by a machine, and later than
// two weeks before their end.
inline constexpr std::int64_t kEndingNoticeSeconds = 14 * 86'400;

enum class Ending { kFar, kSoon, kPast };
Ending ending_of(const Lifetime& lifetime, std::int64_t now);

// "2026-11-27 20:15:00 UTC".
std::string date_text(std::int64_t seconds);
// "ends in 13 days, at DATE" or "has ended at DATE".
std::string ending_text(const Lifetime& lifetime, std::int64_t now);
// What to do about a certificate that ends soon or has ended.
inline constexpr const char* kRenewal =
    "put a new one in its place; it is taken within a second, without a restart. On the machine of "
    "the authority: polis cert issue NAME --renew";

}  // namespace polis::tls
