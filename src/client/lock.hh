#pragma once

// A lock that one session at a time holds, in a whole cell.
//
//   Lock lock(session, "backup", {.held = [&](FencingToken token) { backup.start(token); },
//                                 .lost = [&](const Error& why) { backup.stop(); }});
//   ...
//   lock.release([](Outcome<Nothing> outcome) { ... });
//
// It waits in the order of arrival, in one queue with `etcdctl lock backup`.
//
// It is lost when its session may have ended: the holder knows that before the cell gives the lock
// to the next one, as long as the process runs and clocks drift no more than the session's bound.
// A process that is stopped knows nothing. So what the lock protects must be handed the token, and
// must refuse a token smaller than one that it has seen (FencingToken, client/types.hh); or, if it
// is in the same cell, be changed by transactions with still_held() among their conditions:
//
//   Txn txn;
//   txn.when(lock.still_held()).then(Write{.key = "last-backup", .value = name});
//
// Threads: the loop's.   Life: construct, which begins to wait -> held -> lost; or release at any
// time -> destroy, also within a callback. Destroying it without release lets go as soon as the
// cell answers, and at the session's end at the latest. The session must be open (after its
// `opened`) and must outlive it.

#include "client/claim.hh"

namespace polis::client {

struct LockHandlers {
  // The lock is held from here on. Once. The token is greater than that of every holder before.
  std::function<void(FencingToken)> held = {};
  // The lock is not held, or not waited for, any more, though nobody released it. Once, and nothing
  // follows. kNotFound: the session has or may have ended, or somebody deleted the lock's key.
  // kInvalid: the session is not open, was closed, or has another Lock of this name.
  std::function<void(const Error&)> lost = {};
};

class Lock {
 public:
  // `name`: any, not empty; the lock's keys begin with NAME/.
  Lock(Session& session, const std::string& name, LockHandlers handlers)
      : claim_(session, name, {}, {std::move(handlers.held), std::move(handlers.lost)}) {}

  // Set exactly while the lock is certainly held; reads the clock. Ask before each step that the
  // lock protects, and hand it on.
  std::optional<FencingToken> token() const { return claim_.token(); }
  // For transactions: holds as long as the cell sees this holder. Only after `held` (CHECK).
  Condition still_held() const { return claim_.still_held(); }
  // Lets go: token() is empty from here on, and what waits gives up. kDone: the next one may have
  // it. Otherwise it may when the session ends. `lost` does not come any more.
  void release(std::function<void(Outcome<Nothing>)> done) { claim_.release(std::move(done)); }
  // The key of this claim.
  const std::string& key() const { return claim_.key(); }

 private:
  Claim claim_;
};

}  // namespace polis::client
