#pragma once

// When an instance that ended by itself starts again.
//
// The first restart is immediate: a process that ran well and was killed is back at once. Each
// further end without a stable run between doubles the wait, up to a bound. An instance that ends
// `loop_ends` times within `loop_window` is in a crash loop: it is tried on at the longest wait,
// and people are told.
//
// Pure: time is handed in. Threads: one.

#include <deque>

#include "base/time.hh"

namespace polis::agent {

struct RestartOptions {
  enum class When {
    kAlways,
    kOnFailure,  // not after exit status 0
    kNever,
  };
  When when = When::kAlways;
  Duration backoff_min = std::chrono::milliseconds(100);  // the second wait; the first is zero
  Duration backoff_max = std::chrono::seconds(30);        // at least backoff_min
  // After it has run for this long, the next end counts as the first.
  Duration stable_after = std::chrono::seconds(10);
  int loop_ends = 5;  // at least 2
  Duration loop_window = std::chrono::minutes(5);
};

class Restarts {
 public:
  explicit Restarts(RestartOptions options) : options_(options) {}

  // It ended by itself after having run for `ran`, or could not start (`ran` is zero). Gives the
  // wait until it should start again, from `now`; nothing: it stays ended.
  std::optional<Duration> on_end(Instant now, Duration ran, bool failed);
  // It is in a crash loop, by the ends told so far.
  bool looping(Instant now) const;
  // A new version, or a person's wish: what happened before says nothing about it.
  void forget();
  int ends_in_a_row() const { return in_a_row_; }  // without a stable run between

 private:
  RestartOptions options_;
  int in_a_row_ = 0;
  std::deque<Instant> ends_;  // the newest loop_ends ones
};

}  // namespace polis::agent
