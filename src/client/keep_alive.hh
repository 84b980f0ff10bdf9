#pragma once

// Keeps a lease alive, and knows until when its holder may count on it. A pure object.
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
// A renewal is asked for a third of the TTL after the last one. If no answer comes within a sixth
// of the TTL, it is asked for at another endpoint, on another stream. So with the default TTL there
// are at least four attempts before the claim ends. The holder's *claim* is that the lease exists.
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
    // The cell's clock may run faster than this one by this fraction; 0.01 is 10 ms a second. From
    // 0 to below 1. A larger fraction ends the claim earlier.
    double drift_max = 0.01;
    // Subtracted at the end: for timers that fire late, and for the time between a look at the
    // clock and its effect. At most half of the TTL is subtracted.
    Duration margin = std::chrono::milliseconds(20);
  };

  // What the driver has to do, in this order.
  struct Output {
    bool close = false;    // end the stream, if there is one
    bool move_on = false;  // go to another endpoint: that of the stream is suspected
    bool open = false;     // begin a stream
    bool send = false;     // ask on the stream for a renewal
    // Set: the claim has ended, for this reason. Tell the user, and do nothing more.
    std::optional<std::string> lost;
    Instant wake = Instant::max();  // call on_time at this time
  };

  // The lease was granted. `ttl`: more than zero. `sent`: when it was asked for; at most `now`.
  KeepAlive(Options options, Duration ttl, Instant sent, Instant now);

  // The oldest renewal without an answer on the stream was answered. `ttl` zero or less: there is
  // no such lease.
  void on_answer(Duration ttl, Instant now);
  // The stream has ended.
  void on_closed(Instant now);
  // Output::wake has come.
  void on_time(Instant now);
  Output take_output();

  // The end of the claim: from this time on the lease may have ended at the cell.
  Instant valid_until() const { return valid_until_; }
  bool lost() const { return lost_; }

 private:
  void renew(Duration ttl, Instant sent);
  void lose(const std::string& why);
  void leave_stream(Instant now);

  const Options options_;
  Duration ttl_{};
  Instant valid_until_;
  Instant next_send_;               // when the next renewal is due; also without a stream
  std::deque<Instant> unanswered_;  // when the renewals without an answer were sent on the stream
  bool open_ = false;
  Instant retry_at_;  // while no stream is open: when to try the next one
  Duration retry_{};  // 0: at once
  bool lost_ = false;
  Output output_;
};

}  // namespace polis::client
