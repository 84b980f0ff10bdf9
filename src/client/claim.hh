#pragma once

// A place in a queue: what a lock and an election are made of. Not for users; they use
// client/lock.hh and client/election.hh.
//
// Source: etcd's recipe (package concurrency of its Go client), so that both wait in one queue with
// `etcdctl lock` and `etcdctl elect`. Each claimant puts a key PREFIX/LEASE, the lease in hex, that
// hangs on its session. The key with the smallest create revision holds; each other one waits until
// the one before it is gone. So nobody starves, a change wakes one claimant, and the create
// revision grows from holder to holder: it is the fencing token.
//
// It departs from the recipe where a holder could be wrong about itself:
//   - it looks at its own key and at the one before in one transaction, so that it never believes
//     to hold with a key that is gone;
//   - while it holds, it watches its own key: somebody who deletes it is noticed;
//   - whether it holds is a question to the session's clock, asked anew each time.
//
// Every step may be done twice without harm, so a step without an answer is simply done again, for
// as long as the session is valid.
//
// Threads: the loop's.   Life: construct -> held -> lost; or release at any time -> destroy, also
// within a callback. Destroying one lets go without waiting. The session must outlive it.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "client/session.hh"
#include "client/watch.hh"

namespace polis::client {

struct ClaimHandlers {
  // It is the holder's turn. Once.
  std::function<void(FencingToken)> held = {};
  // It does not hold, or wait, any more, though nobody released it. Once, and nothing follows.
  std::function<void(const Error&)> lost = {};
};

class Claim {
 public:
  // The session must be valid, else it is lost at once. `value`: what the key holds.
  Claim(Session& session, const std::string& prefix, std::string value, ClaimHandlers handlers);
  ~Claim();
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  // Set exactly while it holds, reckoned by the session's clock, which is read. That somebody has
  // deleted the key by hand is known a little later.
  std::optional<FencingToken> token() const;
  const std::string& key() const { return key_; }
  // Holds in the cell as long as this claim's key is there. Only after `held`.
  Condition still_held() const;

  // Changes what the key holds, as long as it is there. Only while it holds: kFailed with kInvalid
  // otherwise, and with kNotFound if the key is gone.
  void set_value(std::string value, std::function<void(Outcome<Nothing>)> done);
  // Lets go: token() is empty from here on. kDone: the next one's turn has come. Otherwise it comes
  // when the session ends.
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
  bool reserved_ = false;                           // the key, with the session
  CreateRevision created_;                          // of the key; 0: not known yet
  bool stepping_ = false;                           // an answer is awaited
  std::function<void(Outcome<Nothing>)> released_;  // waits for that answer
  Kv kv_;
  std::unique_ptr<Watch> watch_;  // of the key before, or of the own one
  std::unique_ptr<io::Timer> timer_;
  std::shared_ptr<Session::Ended> session_end_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // held weakly by what is posted
};

}  // namespace polis::client
