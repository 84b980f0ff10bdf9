#pragma once

// Keeps a client's endpoints where the cell's members are: asks the cell for its members at once,
// then now and then, and soon after an endpoint was given up.
//
// What the asked replica knows is enough (no quorum is needed), since a wrong endpoint only costs
// an attempt. If nobody answers, the endpoints stay as they are; those that the user gave are never
// forgotten (client/endpoint_pool.hh). Learners are left out: they refuse most calls.
//
// Clients that reach the cell through forwarders or other names than its members tell must not use
// it: they would go past the forwarder.
//
// Threads: the loop's.   Life: the client must outlive it. Destroying it leaves the endpoints as
// they are.

#include <memory>

#include "client/calls.hh"

namespace polis::client {

struct FollowOptions {
  Duration interval = std::chrono::seconds(60);   // between two questions while all is well
  Duration after_move = std::chrono::seconds(1);  // from a failure to the question; also the
                                                  // shortest time between two of them
  Duration timeout = std::chrono::seconds(5);     // for each question, at all endpoints together
};

class MemberFollower {
 public:
  MemberFollower(Client& client, io::Loop& loop, FollowOptions options = {});
  ~MemberFollower();
  MemberFollower(const MemberFollower&) = delete;
  MemberFollower& operator=(const MemberFollower&) = delete;

 private:
  void ask();
  void ask_in(Duration delay);
  void on_answer(const Outcome<std::string>& answer);

  Client& client_;
  io::Loop& loop_;
  FollowOptions options_;
  Calls calls_;
  bool asking_ = false;
  Instant next_ = Instant::max();  // when the timer will ask
  std::unique_ptr<io::Timer> timer_;
};

}  // namespace polis::client
