#pragma once

// The master's numbered rounds: reads that wait for one, and the lease that each one renews.
//
// A round is a heartbeat to everyone. When a quorum has answered it, whoever sent it was master
// when it was sent: reads that were asked for before then may be answered from what was committed
// then (Raft thesis 6.4), and the lease holds from then on (lease.hh).
//
// Threads: one at a time. Life: begin() with each mastership, end() with its end.

#include <deque>
#include <vector>

#include "consensus/lease.hh"

namespace polis::consensus {

class ReadRounds {
 public:
  struct Asked {
    ReadId id;
    ReplicaId origin;  // who asked
  };
  struct Answer {
    Asked asked;
    LogIndex index;  // as of which the read may be served
  };

  explicit ReadRounds(LeaseOptions options) : options_(options), lease_(options) {}

  // Rounds are counted per mastership; the ballot in each message keeps old answers apart.
  void begin();
  // The mastership is over: what is refused.
  std::vector<Asked> end();

  // Whether the master may answer alone. `now` must be younger than the request: a pause in between
  // cannot make an old lease look alive.
  bool by_lease(Instant now) const { return options_.reads == Reads::kLease && lease_.holds(now); }
  void add(ReadId id, ReplicaId origin) { waiting_.push_back({id, origin}); }
  // Whether reads wait and no round for reads is under way.
  bool wants_round() const { return !waiting_.empty() && of_reads_ <= confirmed_; }
  // Those that wait get the next round. The index is taken now, after every one was asked for.
  void join_next(LogIndex index);

  // A round is sent now.
  std::uint64_t send(Instant now);
  std::uint64_t newest() const { return newest_; }
  // A quorum answered this round and all before.
  std::vector<Answer> confirm(std::uint64_t round);

  // What was answered so far counts no more: a hand-over was begun, or another quorum decides.
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
  std::uint64_t newest_ = 0;     // sent
  std::uint64_t confirmed_ = 0;  // a quorum answered this one
  std::uint64_t of_reads_ = 0;   // the newest that reads wait for
  std::deque<Pending> pending_;  // rising rounds
  std::vector<Asked> waiting_;   // for the next round
};

}  // namespace polis::consensus
