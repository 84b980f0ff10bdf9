#pragma once

// The leases that this replica keeps while it is master: it answers renewals and ends those whose
// time is over.
//
// A lease ends only after a quorum has confirmed the mastership; a renewal that arrives before that
// still saves it. What a replica is asked about a lease waits until it keeps leases, and while the
// lease is ending: until it has ended, or goes on.
//
// Threads: the loop's. See lease_keeper.hh for when a lease ends, decisions.hh for why.

#include <functional>
#include <vector>

#include "io/loop.hh"
#include "replica/decisions.hh"
#include "replica/lease_keeper.hh"
#include "replica/questions.hh"
#include "replica/situation.hh"
#include "store/store.hh"

namespace polis::replica {

class KeptLeases {
 public:
  struct Needs {
    const Situation& situation;
    const io::Loop& loop;
    const store::Store& store;
    Decisions& decisions;
    // Calls back when a quorum has confirmed the mastership, or with why it has not (Reads::add).
    std::function<void(std::function<void(Status)>)> confirm;
  };
  explicit KeptLeases(Needs needs);

  // kLeaseRenew and kLeaseRemaining, as the master. `asked`: when the question arrived.
  void answer(Question question, std::int64_t id, Instant asked, const Answered& done);
  // Another mastership has begun, perhaps this replica's own.
  void stop();
  // Keeps the leases if the log is this master's. Call when it may have become so.
  void maybe_start();
  // A lease was granted or revoked by the entry that is being applied.
  void on_lease(std::int64_t id, std::int64_t ttl, bool granted);
  // Ends leases whose time is over. Call every few milliseconds: a longer pause is taken for a
  // stall of the process.
  void maybe_end_some();

 private:
  void answer_confirmed(Question question, std::int64_t id, Instant asked, const Answered& done);
  void answer_waiting();
  void end_some(Instant noticed);

  Needs needs_;
  LeaseKeeper keeper_;
  bool ending_ = false;  // some have ended, and the mastership is being confirmed
  Instant looked_at_{};
  std::vector<std::function<void()>> waiting_;  // questions
};

}  // namespace polis::replica
