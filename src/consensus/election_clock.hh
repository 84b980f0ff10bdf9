#pragma once

// When a replica stands for election, and when it may help another one: both follow from when it
// last heard a master and from what it promised.
//
// Source: Raft thesis 3.4 (random timeouts), 4.2.3 (whoever hears a master does not let others
// disturb it), 6.4.1 (leases); lease.hh.
//
// Threads: one at a time.

#include "base/random.hh"
#include "consensus/options.hh"

namespace polis::consensus {

class ElectionClock {
 public:
  ElectionClock(const Options& options, Duration promise_longest, Instant now);

  LeasePromise& promise() { return promise_; }
  const LeasePromise& promise() const { return promise_; }

  // Something came from the master.
  void hear(Instant now);
  // There is none any more, or none that is known.
  void forget(Instant now) { heard_ = now - options_.election_timeout_max; }
  bool heard_recently(Instant now) const { return now - heard_ < options_.election_timeout_min; }

  // Another whole timeout, behind what was promised.
  void restart(Instant now);
  // The master is gone. `place`: how many voters stand before this one.
  void hurry(Instant now, std::int64_t place);
  // There is nobody else to wait for.
  void stand_at_once(Instant now) { deadline_ = std::max(now, promise_.until()); }
  bool due(Instant now) const { return now >= deadline_; }
  Instant deadline() const { return deadline_; }

 private:
  Options options_;
  Random random_;
  LeasePromise promise_;
  Instant heard_;
  Instant deadline_{};
};

}  // namespace polis::consensus
