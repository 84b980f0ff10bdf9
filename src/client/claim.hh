#pragma once

// A claim: a place in a queue of sessions. Locks and elections are made of it. Users use
// client/lock.hh and client/election.hh instead.
//
// It follows etcd's recipe (package concurrency of etcd's Go client), so that claims stand in one
// queue with `etcdctl lock` and `etcdctl elect`. Each claimant puts a key PREFIX/LEASE, with the
// lease in hex, that hangs on its session. The claim whose key has the smallest create revision
// *holds*. Each other one waits until the key before its own is gone. So each claimant has its
// turn, a change wakes one claimant only, and the create revision grows from holder to holder: it
// is the fencing token.
//
// It departs from the recipe where a holder could be wrong about itself:
//   - a claim reads its own key and the key before it in one transaction, so that it never believes
//     that it holds while its key is gone;
//   - while a claim holds, it watches its own key, so it notices if somebody deletes the key;
//   - token() asks the session's clock each time.
//
// Each step may be carried out twice without harm. So a step without an answer is carried out
// again, as long as the session is valid.
//
// Threads: the loop's.
// Life: construct -> held -> lost; or release at any time -> destroy, also within a callback.
// Destroying a claim lets go without waiting for an answer. The session must outlive it.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "client/session.hh"
#include "client/watch.hh"

namespace polis::client {

struct ClaimHandlers {
  // The claim holds from now on. Called once at most.
  std::function<void(FencingToken)> held = {};
  // The claim neither holds nor waits any more, though release was not called. Called once at most;
  // no other callback follows. Codes: as LockHandlers::lost.
  std::function<void(const Error&)> lost = {};
};

class Claim {
 public:
  // `value`: the value of the claim's key. If the session is not valid, the claim is lost at once
  // (lost is called by the loop).
  Claim(Session& session, const std::string& prefix, std::string value, ClaimHandlers handlers);
  ~Claim();
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  // The token while the claim certainly holds, by the session's clock, which is read now; else
  // nullopt. If somebody deletes the key by hand, the claim notices that a little later.
  std::optional<FencingToken> token() const;
  const std::string& key() const { return key_; }
  // A condition for transactions: true in the cell as long as this claim's key is there.
  // Precondition: `held` was called (CHECK).
  Condition still_held() const;

  // Changes the value of the claim's key. kFailed with kInvalid: the claim does not hold. kFailed
  // with kNotFound: the key is gone.
  void set_value(std::string value, std::function<void(Outcome<Nothing>)> done);
  // Lets go: from now on token() is nullopt. kDone: the next claimant holds now. Else it holds when
  // the session ends.
  void release(std::function<void(Outcome<Nothing>)> done);

 private:
  enum class State { kEntering, kWaiting, kHolding, kReleasing, kOver };

  void enter();
  void on_entered(const Outcome<Committed>& outcome);
  void look();
  void on_looked(const Outcome<Committed>& outcome);
  void wait_for(const std::string& before, Revision from);
  void hold(Revision from);
  void leave(std::function<void(Outcome<Nothing>)> done);
  void again(void (Claim::*step)());
  void lose(const Error& why);
  bool certain() const;

  Session& session_;
  io::Loop& loop_;
  const std::string prefix_, key_, value_;
  ClaimHandlers handlers_;
  State state_ = State::kEntering;
  bool reserved_ = false;                           // the session has reserved the key
  CreateRevision created_;                          // of the key; 0: not known yet
  bool stepping_ = false;                           // the answer to a step is awaited
  std::function<void(Outcome<Nothing>)> released_;  // of release(); waits for that answer
  Kv kv_;
  std::unique_ptr<Watch> watch_;  // of the key before the own one, or of the own one
  std::unique_ptr<io::Timer> timer_;
  std::shared_ptr<Session::Ended> session_end_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // held weakly by what is posted
};

}  // namespace polis::client
