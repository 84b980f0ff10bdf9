#pragma once

// A lock that one session at a time holds, in a whole cell.
//
//   Lock lock(session, "backup", {.held = [&](FencingToken token) { backup.start(token); },
//                                 .lost = [&](const Error& why) { backup.stop(); }});
//   ...
//   lock.release([](Outcome<Nothing> outcome) { ... });
//
// Locks of one name wait in the order of arrival, in one queue with `etcdctl lock backup`.
//
// A lock is lost when its session may have ended. The holder learns that before the cell gives the
// lock to the next one, if its process runs and clocks drift no more than the session's bound. A
// process that is stopped learns nothing. So the thing that the lock protects must get the token
// with each request, and must refuse a token smaller than one that it has seen (FencingToken,
// client/types.hh). If the thing is in the same cell, change it by transactions that have
// still_held() among their conditions:
//
//   Txn txn;
//   txn.when(lock.still_held()).then(Write{.key = "last-backup", .value = name});
//
// Threads: the loop's.
// Life: construct (begins to wait) -> held -> lost; or release at any time -> destroy, also within
// a callback. Destroying it without release lets go as soon as the cell answers, and at the
// session's end at the latest. The session must be open (after its `opened`) and must outlive it.

#include "client/claim.hh"

namespace polis::client {

struct LockHandlers {
  // The lock is held from now on. Called once at most. The token is greater than the tokens of all
  // earlier holders.
  std::function<void(FencingToken)> held = {};
  // The lock is neither held nor waited for any more, though release was not called. Called once at
  // most; no other callback follows. kNotFound: the session has ended or may have, or somebody
  // deleted the lock's key. kInvalid: the session is not open, was closed, or has another Lock of
  // this name.
  std::function<void(const Error&)> lost = {};
};

class Lock {
 public:
  // `name`: not empty; the lock's keys begin with NAME/.
  Lock(Session& session, const std::string& name, LockHandlers handlers)
      : claim_(session, name, {}, {std::move(handlers.held), std::move(handlers.lost)}) {}

  // The token while the lock is certainly held, by the clock, which is read now; else nullopt. Ask
  // before each step that the lock protects, and pass the token on.
  std::optional<FencingToken> token() const { return claim_.token(); }
  // A condition for transactions: true as long as this lock is held by the cell's state.
  // Precondition: `held` was called (CHECK).
  Condition still_held() const { return claim_.still_held(); }
  // Lets go, or stops waiting: from now on token() is nullopt, and `lost` is not called. kDone: the
  // next waiter can hold the lock. Else it can when the session ends.
  void release(std::function<void(Outcome<Nothing>)> done) { claim_.release(std::move(done)); }
  // The key of this claim.
  const std::string& key() const { return claim_.key(); }

 private:
  Claim claim_;
};

}  // namespace polis::client
