#pragma once

// Keeps a client's endpoints equal to the addresses of the cell's members. It asks the cell for its
// members at once, then at an interval, and soon after the client has left an endpoint.
//
// The answer of one replica is enough, without a quorum, because a wrong endpoint costs only an
// attempt. If nobody answers, the endpoints stay as they are; endpoints that the user gave are
// never forgotten (client/endpoint_pool.hh). Learners are left out, because they refuse most calls.
//
// Do not use it for a client that reaches the cell through a forwarder, or by other addresses than
// the members have: the client would go past the forwarder.
//
// Threads: the loop's.   Life: the client must outlive it. Destroying it leaves the endpoints as
// they are.

#include <memory>

#include "client/calls.hh"

namespace polis::client {

struct FollowOptions {
  Duration interval = std::chrono::seconds(60);   // between two questions while all is well
  Duration after_move = std::chrono::seconds(1);  // from leaving an endpoint to the question; also
                                                  // the shortest time between two questions
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
