#pragma once

// Makes log lines about requests, calls and turns of the loop that took long, and where their time
// went. There are three kinds of lines, one for each function below. Of each kind at most one line
// is made every kSlowLogInterval; it says how many others were left out since.
//
// Threads: the loop's. Pure: time is handed in, and the caller writes the line.

#include <string>

#include "base/time.hh"
#include "http/exchange_call.hh"
#include "replica/replica.hh"

namespace polis::cell {

// The shortest time between two lines of a kind.
inline constexpr Duration kSlowLogInterval = std::chrono::seconds(10);
// A loop that is late by at least this is reported.
inline constexpr Duration kStallMin = std::chrono::milliseconds(300);

class SlowLog {
 public:
  // Each function gives the line to write now; empty: write none.

  // A command or read of this replica took long. `syncs`: of its write-ahead log.
  std::string on_request(const replica::SlowRequest& slow, const replica::SyncTimes& syncs,
                         Instant now);
  // A client's unary call took long.
  std::string on_call(const http::SlowCall& slow, Instant now);
  // A timer of the loop fired `late` after its time; less than kStallMin: no line. `busy`: how much
  // processor time the loop's thread had since the timer was made. From both the line says whether
  // the loop had long work or its process did not run.
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
