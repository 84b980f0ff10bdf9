#pragma once

// Says in the log what took long, and where the time went: one line at a time, with how many like
// it were left out.
//
// Threads: the reactor's.

#include <string>

#include "base/time.hh"
#include "http/exchange_call.hh"
#include "replica/replica.hh"

namespace polis::cell {

// Between two lines of a kind.
inline constexpr Duration kSlowLogInterval = std::chrono::seconds(10);
// A loop that comes back later than this from its work, or from not being run at all, is reported.
inline constexpr Duration kStallMin = std::chrono::milliseconds(300);

class SlowLog {
 public:
  // The line to write now; empty: none. Syncs: those of the write-ahead log here.
  std::string on_request(const replica::SlowRequest& slow, const replica::SyncTimes& syncs,
                         Instant now);
  std::string on_call(const http::SlowCall& slow, Instant now);
  // The loop was to come back by itself and did so `late`; meanwhile its thread had the processor
  // for `busy`.
  std::string on_late(Duration late, Duration busy, Instant now);

 private:
  struct Kind {
    std::uint64_t left_out = 0;
    Instant not_before{};
  };
  static bool may_say(Kind& kind, Instant now);
  static std::string others(Kind& kind);
  Kind requests_, calls_, stalls_;
};

}  // namespace polis::cell
