#pragma once

// The master lease: why a master may answer reads alone, and what the others promise for it.
//
// A master's heartbeats are numbered rounds. Who answers one promises, from when it arrived and for
// as long as it asked, not to help elect another master (LeasePromise). When a quorum has answered
// a round, no other master can come to be before those promises have run out, and they began no
// earlier than the round was sent: so the master holds the lease from the moment of sending
// (MasterLease). Clocks need not agree; they need to run at nearly the same rate.
//
//   master:    length / (1 + drift_max) - margin, from when the round was sent
//   promise:   length, from when the round arrived, by the clock of whoever promised
//
// Source: Chubby (Burrows 2006) 2.2 and 2.8; Raft thesis 6.4.1. Beyond it: promises outlive a
// restart, and a hand-over that comes too late is told apart from the one that the master still
// wants.
//
// Threads: one at a time. Time comes from a clock that also runs while the machine sleeps
// (CLOCK_BOOTTIME).

#include <deque>

#include "base/error.hh"
#include "base/time.hh"
#include "consensus/types.hh"

namespace polis::consensus {

enum class Reads : std::uint8_t {
  kLease,   // the master answers alone while it holds the lease; else as kQuorum
  kQuorum,  // every read waits for a round that a quorum answers (Raft thesis 6.4)
};

struct LeaseOptions {
  Reads reads = Reads::kLease;
  // What a heartbeat asks its receivers to promise. Constraint: at most the smallest election
  // timeout. Longer: a master that is busy keeps its lease. Shorter: a dead master is replaced
  // sooner.
  Duration length = std::chrono::milliseconds(300);
  // No two replicas' clocks run at rates that differ by more than this fraction: 0.0005 is 500 ppm,
  // which is what crystals are sold to keep. 0 to 1.
  double drift_max = 0.0005;
  // Taken off on top, for what rates do not explain. Constraint: less than `length`.
  Duration margin = std::chrono::milliseconds(5);

  // kInvalid: names the relation that does not hold.
  Result<void> validate() const;
};

// What one replica promised: not to vote for anyone, itself included.
class LeasePromise {
 public:
  // After a start: the longest promise ever given may have been given just before.
  LeasePromise(Duration longest, Instant now) : longest_(longest), restored_until_(now + longest) {}

  // The master of `term` asks in its `round`. True: no promise was ever so long, and longest() must
  // be durable before the answer leaves.
  bool give(Term term, std::uint64_t round, Duration length, Instant now);
  // Not to be broken now.
  bool stands(Instant now) const { return now < until_ || now < restored_until_; }
  // When it ends, if nothing more is promised.
  Instant until() const { return std::max(until_, restored_until_); }
  // The master of `term` wanted to hand over when `round` was its newest. A promise for a later
  // round was given after the master had changed its mind.
  bool yields_to(Term term, std::uint64_t round, Instant now) const;
  Duration longest() const { return longest_; }

 private:
  Duration longest_;
  Instant restored_until_;
  Instant until_{};
  Term term_;  // of the newest promise
  std::uint64_t round_ = 0;
};

// The master's side.
class MasterLease {
 public:
  explicit MasterLease(LeaseOptions options) : options_(options) {}

  // A new mastership, or none any more: rounds are counted anew, and none was answered.
  void reset();
  void on_sent(std::uint64_t round, Instant now);
  // A quorum of the newest configuration answered this round and all before.
  void on_confirmed(std::uint64_t round);
  // What was answered through this round counts no more: a hand-over was begun, or another quorum
  // decides from now on.
  void give_up(std::uint64_t round);

  bool holds(Instant now) const { return now < until_; }
  Instant until() const { return until_; }

 private:
  struct Sent {
    std::uint64_t round;
    Instant at;
  };
  LeaseOptions options_;
  std::deque<Sent> sent_;  // rounds not yet answered by a quorum
  std::uint64_t given_up_ = 0;
  Instant until_{};
};

}  // namespace polis::consensus
