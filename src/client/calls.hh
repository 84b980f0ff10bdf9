#pragma once

// Unary calls that try other endpoints when a replica does not answer, and that end with an
// Outcome. All typed parts of the client make their unary calls through this class. It knows
// messages only as bytes.
//
// A call that got no answer is tried at other endpoints until its deadline, if that can do no harm:
//   - no replica can have received it (nothing was connected); or
//   - it is a read; or
//   - its caller says that carrying it out twice is the same as once (Repeat::kSafe).
// Each attempt of a call that may be repeated gets half of the time that is left, so that a replica
// that is stopped costs half of the timeout and not all of it.
//
// Threads: the loop's.
// Life: construct -> call at any time -> destroy, also within a callback. Destroying it drops open
// calls: no callback follows, though requests that were sent may still be carried out. The client
// must outlive it.

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "client/client.hh"
#include "client/outcome.hh"
#include "io/loop.hh"

namespace polis::client {

// Whether a call may be sent again if it may have been carried out already.
enum class Repeat {
  kNever,
  kSafe,  // yes: it changes something, but carrying it out twice is the same as once
  kRead,  // yes: it changes nothing; so it ends with kUnavailable where others end with kUnknown
};

// The error for a call that ended with this status. Only codes decide, never texts:
//   kInvalid      wrong input, no permission, or no such method: it will stay wrong
//   kNotFound     a lease or a compacted or future revision that is not there
//   kNoSpace      a limit of the cell is reached: disk, memory, or requests under way
//   kUnavailable  certainly nothing was done
//   kUnknown      all other cases: the request may have been carried out
// Precondition: `status` is not OK.
Error error_of(const http::GrpcStatus& status, Client::Sent sent);

class Calls {
 public:
  Calls(Client& client, io::Loop& loop);
  ~Calls();
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  // Makes a call. `path` and `request`: as Client::call. `done` is called once, after `timeout` at
  // the latest, by the loop and never within a function of the client; not at all if this object is
  // destroyed before. The value is the response's bytes.
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
