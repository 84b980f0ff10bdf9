#pragma once

// When a replica begins an election. The time follows from when it last heard a master, and from
// the lease promises that it has given (lease.hh): no election begins before they have ended.
//
// A protocol object owns one, tells it what happens, and asks due() when time has passed. Both
// protocols ask heard_recently() and promise() before they help elect another replica.
//
// Source: Raft thesis 3.4 (random timeouts), 4.2.3 (a replica that hears a master does not help to
// replace it), 6.4.1 (leases).
//
// Threads: one at a time.

#include "base/random.hh"
#include "consensus/options.hh"

namespace polis::consensus {

class ElectionClock {
 public:
  // `promise_longest`: HardState::promise_longest. Begins as if no master had ever been heard.
  ElectionClock(const Options& options, Duration promise_longest, Instant now);

  // The lease promises of this replica.
  LeasePromise& promise() { return promise_; }
  const LeasePromise& promise() const { return promise_; }

  // A message came from the master: the timeout begins anew.
  void hear(Instant now);
  // No master is known any more.
  void forget(Instant now) { heard_ = now - options_.election_timeout_max; }
  // The master was heard within the smallest election timeout.
  bool heard_recently(Instant now) const { return now - heard_ < options_.election_timeout_min; }

  // Waits for a new random timeout, and at least until the lease promises have ended.
  void restart(Instant now);
  // The master's process has ended, most likely: the election begins as soon as lease promises
  // allow it. The voters begin one after the other; `place` voters begin before this one.
  void hurry(Instant now, std::int64_t place);
  // This replica needs no other to be elected: it waits for its own lease promises alone.
  void stand_at_once(Instant now) { deadline_ = std::max(now, promise_.until()); }
  // The election is to begin now.
  bool due(Instant now) const { return now >= deadline_; }
  Instant deadline() const { return deadline_; }  // when it becomes due

 private:
  Options options_;
  Random random_;
  LeasePromise promise_;
  Instant heard_;  // when the master was last heard
  Instant deadline_{};
};

}  // namespace polis::consensus
