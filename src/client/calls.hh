#pragma once

// Calls that ride over replicas that do not answer, with a typed end. All typed parts of the client
// make their unary calls through it; it knows bytes only.
//
// A call goes on at other endpoints until its deadline, as long as that cannot do harm:
//   - no replica can have got it (nothing was connected); or
//   - it is a read; or
//   - its caller says that a second execution changes nothing more (Repeat::kSafe).
// An attempt of a call that may be repeated gets half of the time that is left, so that a replica
// that is stopped costs half of the timeout and not all of it.
//
// Threads: the loop's.   Life: destroying it drops its calls: no callback comes afterwards, though
// what was sent may still happen. It may be destroyed within a callback. The client must outlive
// it.

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "client/client.hh"
#include "client/outcome.hh"
#include "io/loop.hh"

namespace polis::client {

// Whether a call may be sent again when it may have been executed already.
enum class Repeat {
  kNever,
  kSafe,  // it changes something, but twice is the same as once
  kRead,  // it changes nothing; it never ends with kUnknown, but with kUnavailable
};

// How a gRPC status reads for who made the call. Only codes decide, never texts:
//   kInvalid      wrong input, no permission, or no such method: it will stay wrong
//   kNotFound     a lease or a compacted or future revision that is not there
//   kNoSpace      a limit of the cell is reached: disk, memory, or requests under way
//   kUnavailable  certainly nothing was done
//   kUnknown      everything else that may have come after the request took effect
// `status` is not OK.
Error error_of(const http::GrpcStatus& status, Client::Sent sent);

class Calls {
 public:
  Calls(Client& client, io::Loop& loop);
  ~Calls();
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  // `done` is called once, from the loop and never within another call of this client, unless this
  // is destroyed before; after `timeout` at the latest.
  using Done = std::function<void(Outcome<std::string>)>;
  void call(std::string path, std::string request, Duration timeout, Repeat repeat, Done done);
  Client& client() { return client_; }
  io::Loop& loop() { return loop_; }

 private:
  struct Call;
  void end(Call& call, Outcome<std::string> outcome);
  void retry(const std::shared_ptr<Call>& call);
  void attempt(const std::shared_ptr<Call>& call);
  void on_ended(const std::shared_ptr<Call>& call, const http::GrpcStatus& status,
                Client::Sent sent, std::string_view response);

  Client& client_;
  io::Loop& loop_;
  std::set<std::shared_ptr<Call>> waiting_;  // for their next attempt
  // Held weakly by callbacks that the client still has when this is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace polis::client
