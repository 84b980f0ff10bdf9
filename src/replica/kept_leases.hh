#pragma once

// The leases of clients that this replica keeps while it is master: it answers renewals, and ends
// the leases whose time is over.
//
// A lease ends only after a quorum has confirmed the mastership; a renewal that arrives before that
// still saves the lease. A question about a lease waits while the new master has not begun to keep
// leases, and while that lease is ending, until it has ended or goes on.
//
// Threads: the loop's.
// Life: construct -> stop() at each change of mastership, maybe_start(), answer(), maybe_end_some()
// at any time -> destroy. lease_keeper.hh says when a lease ends; decisions.hh says why a quorum is
// asked.

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
  // All of these must outlive this object.
  struct Needs {
    const Situation& situation;
    const io::Loop& loop;
    const store::Store& store;
    Decisions& decisions;
    // Calls back with OK when a quorum has confirmed the mastership, else with the reason
    // (Reads::add).
    std::function<void(std::function<void(Status)>)> confirm;
  };
  explicit KeptLeases(Needs needs);

  // Answers kLeaseRenew and kLeaseRemaining as master, with the bodies in questions.hh. `id`: the
  // lease. `asked`: when the question arrived. `done` is called once, perhaps within this call;
  // lease_not_found: there is no such lease; leader_changed: this replica is not master any more.
  void answer(Question question, std::int64_t id, Instant asked, const Answered& done);
  // Another mastership has begun, perhaps one of this replica. Stops keeping leases.
  void stop();
  // Begins to keep leases if Decisions::log_is_this_masters(). Call it after each applied entry.
  void maybe_start();
  // A lease was granted or revoked by the entry that is being applied.
  void on_lease(std::int64_t id, std::int64_t ttl, bool granted);
  // Ends leases whose time is over. Call it about every 20 ms: a pause of 120 ms or more is taken
  // for a stall of the process, and gives leases that ran out meanwhile another second.
  void maybe_end_some();

 private:
  void answer_confirmed(Question question, std::int64_t id, Instant asked, const Answered& done);
  void answer_waiting();
  void end_some(Instant noticed);

  Needs needs_;
  LeaseKeeper keeper_;
  bool ending_ = false;  // some leases are over, and the mastership is being confirmed
  Instant looked_at_{};  // when maybe_end_some was last called
  std::vector<std::function<void()>> waiting_;  // questions; each answers, or waits again
};

}  // namespace polis::replica
