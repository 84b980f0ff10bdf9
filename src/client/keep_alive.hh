#pragma once

// How a lease is kept alive, and until when its holder may count on it: a pure object.
//
// The cell ends a lease when nobody has renewed it for its time to live (TTL), by its own clock.
// The holder reckons by another clock and cannot see when the cell took a renewal, so it reckons
// from the moment at which the answered question was *sent*: the cell cannot have begun earlier.
//
//   valid_until = sent + TTL * (1 - drift_max) - margin
//
// So the holder ends its claim before the cell does, as long as the rates of the two clocks differ
// by no more than `drift_max`. Answers that come late extend nothing beyond that.
//
// A question is sent a third of the TTL after the one before. If it has no answer within a sixth of
// the TTL, another endpoint is asked on another stream; so with the default there are at least four
// attempts before the claim ends.
//
// Threads: one.   Life: construct when the lease is granted -> on_* -> lost; after each call
// take_output must be carried out. After `lost` nothing changes any more.

#include <deque>
#include <optional>
#include <string>

#include "base/time.hh"

namespace polis::client {

class KeepAlive {
 public:
  struct Options {
    // By how much the cell's clock may run faster than this one, as a part of time: 0.01 is 10 ms
    // a second. From 0 to below 1. More ends the claim earlier.
    double drift_max = 0.01;
    // Taken off at the end: for timers that fire late, and for what is done between a look at the
    // clock and its effect. Less than half of the TTL counts.
    Duration margin = std::chrono::milliseconds(20);
  };

  // What is to be done, in this order.
  struct Output {
    bool close = false;    // end the stream, if there is one
    bool move_on = false;  // its endpoint is suspected
    bool open = false;     // begin a stream
    bool send = false;     // ask on it to renew the lease
    // The claim has ended: tell it, and forget the rest.
    std::optional<std::string> lost;
    Instant wake = Instant::max();  // call on_time then
  };

  // The lease was granted for `ttl`, more than zero; `sent`: when it was asked for, not later than
  // `now`.
  KeepAlive(Options options, Duration ttl, Instant sent, Instant now);

  // The answer to the oldest question on the stream. `ttl` zero or less: there is no such lease.
  void on_answer(Duration ttl, Instant now);
  void on_closed(Instant now);
  void on_time(Instant now);
  Output take_output();

  // From then on the lease may have ended at the cell.
  Instant valid_until() const { return valid_until_; }
  bool lost() const { return lost_; }

 private:
  void renew(Duration ttl, Instant sent);
  void lose(const std::string& why);
  void leave_stream(Instant now);

  const Options options_;
  Duration ttl_{};
  Instant valid_until_;
  Instant next_send_;               // also while no stream is open
  std::deque<Instant> unanswered_;  // when the questions on the open stream were sent
  bool open_ = false;
  Instant retry_at_;  // while no stream is open: when to try the next one
  Duration retry_{};  // 0: at once
  bool lost_ = false;
  Output output_;
};

}  // namespace polis::client
