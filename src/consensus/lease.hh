#pragma once

// The master lease: why a master may answer reads alone, and what the others promise for it.
//
// A *round* is one numbered heartbeat of a master to all members. A replica that answers a round
// gives a *lease promise*: it will not help elect another master for a while (LeasePromise). The
// promise begins when the round arrives, and lasts as long as the round asked for. When a quorum
// has answered, nobody else can be elected before those promises end. They began no earlier than
// the round was sent. So the master holds the *master lease* from the moment of sending
// (MasterLease). The clocks of the replicas need not agree; they must run at nearly the same rate.
//
//   master lease:    length / (1 + drift_max) - margin, from when the round was sent
//   lease promise:   length, from when the round arrived, by the clock of the replica that promised
//
// Not to be confused: a Paxos *promise* is the answer to a prepare (paxos/paxos.hh); the *leases*
// of clients are the state machine's (store/leases.hh).
//
// Source: Chubby (Burrows 2006) 2.2 and 2.8; Raft thesis 6.4.1.
// Departures: lease promises outlive a restart; a hand-over that the master has given up meanwhile
// is told apart from one that it still wants (yields_to).
//
// Threads: one at a time. `now` comes from a clock that also runs while the machine sleeps
// (CLOCK_BOOTTIME), and never goes backwards.

#include <deque>

#include "base/error.hh"
#include "base/time.hh"
#include "consensus/types.hh"

namespace polis::consensus {

enum class Reads : std::uint8_t {
  kLease,   // the master answers alone while it holds the master lease; else as kQuorum
  kQuorum,  // every read waits until a quorum has answered a round (Raft thesis 6.4)
};

struct LeaseOptions {
  Reads reads = Reads::kLease;
  // The lease promise that a heartbeat asks for. Constraint: at most the smallest election timeout.
  // Longer: a busy master keeps its lease. Shorter: a dead master is replaced sooner.
  Duration length = std::chrono::milliseconds(300);
  // The assumption: the clocks of no two replicas run at rates that differ by more than this
  // fraction, 0 to 1. 0.0005 is 500 ppm, which is what crystals are sold to keep.
  double drift_max = 0.0005;
  // The master lease is shorter by this, too, for what rates do not explain. Constraint: less than
  // `length`.
  Duration margin = std::chrono::milliseconds(5);

  // kInvalid: a constraint does not hold; the text names it.
  Result<void> validate() const;
};

// The lease promises that one replica has given: until they end, it votes for nobody, itself
// included.
class LeasePromise {
 public:
  // At the start of a process. `longest`: the longest promise ever given, from HardState. It may
  // have been given just before the restart, so it is kept once more, from `now` on.
  LeasePromise(Duration longest, Instant now) : longest_(longest), restored_until_(now + longest) {}

  // The master of `term` asks for `length` with its `round`. True: longest() has grown, and must be
  // durable before the answer leaves.
  bool give(Term term, std::uint64_t round, Duration length, Instant now);
  // A promise is in force.
  bool stands(Instant now) const { return now < until_ || now < restored_until_; }
  // When the promises so far end.
  Instant until() const { return std::max(until_, restored_until_); }
  // Whether the replica may help in a hand-over although a promise is in force. The master of
  // `term` decided on the hand-over when `round` was its newest round. True: the newest promise was
  // given for that round or an earlier one. False: it was given for a later round, so the master
  // had given the hand-over up; or the promise from before a restart is in force.
  bool yields_to(Term term, std::uint64_t round, Instant now) const;
  Duration longest() const { return longest_; }

 private:
  Duration longest_;
  Instant restored_until_;
  Instant until_{};
  Term term_;  // of the newest promise
  std::uint64_t round_ = 0;
};

// The master's side: when it holds the master lease.
class MasterLease {
 public:
  explicit MasterLease(LeaseOptions options) : options_(options) {}

  // A mastership begins or has ended: no round was sent, and there is no lease.
  void reset();
  void on_sent(std::uint64_t round, Instant now);  // rising rounds
  // A quorum of the newest configuration has answered this round and all before it.
  void on_confirmed(std::uint64_t round);
  // Answers to the rounds through this one do not count any more: a hand-over has begun, or another
  // set of voters decides from now on.
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
