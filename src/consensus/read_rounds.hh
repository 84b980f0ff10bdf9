#pragma once

// The master's rounds: the reads that wait for one, and the master lease that each one renews.
//
// A *round* is one numbered heartbeat to all members; nothing else is called a round here. When a
// quorum has answered a round, its sender was master when it sent it. Two things follow. Reads that
// were asked for before the sending may be answered from what was committed at the sending
// (Raft thesis 6.4). And the master holds the lease from the sending on (lease.hh).
//
// Threads: one at a time.
// Life, in one mastership: begin -> add, wants_round, join_next, send, confirm in any order -> end.

#include <deque>
#include <vector>

#include "consensus/lease.hh"

namespace polis::consensus {

class ReadRounds {
 public:
  struct Asked {
    ReadId id;
    ReplicaId origin;  // the replica that asked
  };
  struct Answer {
    Asked asked;
    LogIndex index;  // the read may be served from any state that has applied this index
  };

  explicit ReadRounds(LeaseOptions options) : options_(options), lease_(options) {}

  // A mastership begins; its first round has number 1. The term or ballot in each message tells
  // answers to rounds of another mastership apart.
  void begin();
  // The mastership is over. Gives the reads that were not answered; the caller refuses them.
  std::vector<Asked> end();

  // Whether the master may answer a read alone. `now` must have been read after the request
  // arrived: then a pause of the process cannot make an old lease look alive.
  bool by_lease(Instant now) const { return options_.reads == Reads::kLease && lease_.holds(now); }
  // A read that has to wait for a round.
  void add(ReadId id, ReplicaId origin) { waiting_.push_back({id, origin}); }
  // Whether reads wait and no round for reads is under way. Then call join_next() and send().
  bool wants_round() const { return !waiting_.empty() && of_reads_ <= confirmed_; }
  // The reads that wait join the next round. When a quorum has answered that round, they are
  // answered with `index`. `index`: the commit index at this moment.
  void join_next(LogIndex index);

  // A round is sent now; gives its number.
  std::uint64_t send(Instant now);
  std::uint64_t newest() const { return newest_; }  // the last one sent; 0: none yet
  // A quorum has answered this round and all before it. Gives the reads that can be answered now.
  std::vector<Answer> confirm(std::uint64_t round);

  // Answers to the rounds sent so far give no lease any more: a hand-over has begun, or another set
  // of voters decides from now on.
  void give_up_lease() { lease_.give_up(newest_); }
  bool holds_lease(Instant now) const { return lease_.holds(now); }
  Instant lease_until() const { return lease_.until(); }

 private:
  template <class>
  friend struct testing::Inspector;

  struct Pending {
    std::uint64_t round;
    Answer answer;
  };
  LeaseOptions options_;
  MasterLease lease_;
  std::uint64_t newest_ = 0;     // the newest round that was sent
  std::uint64_t confirmed_ = 0;  // the newest round that a quorum has answered
  std::uint64_t of_reads_ = 0;   // the newest round that reads wait for
  std::deque<Pending> pending_;  // reads that have a round, which rises
  std::vector<Asked> waiting_;   // reads that join the next round
};

}  // namespace polis::consensus
