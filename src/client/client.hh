#pragma once

// The C++ client of a cell: calls with deadlines over a list of endpoints, in bytes. What most
// users want stands on it: client/kv.hh, watch.hh, session.hh, lock.hh, election.hh.
//
// An endpoint that cannot be reached, or that does not answer in time, is passed over. A request
// that may have reached a replica is never sent again by itself: then its outcome is unknown, and
// Sent says so.
//
// Threads: the loop's.   Life: construct (nothing is connected yet) -> calls at any time ->
// destroy, which ends open calls without a word; not within a callback of a call or stream.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/endpoint_pool.hh"
#include "http/client.hh"
#include "io/loop.hh"
#include "io/network.hh"

namespace polis::client {

struct Options {
  std::vector<io::Address> endpoints;                  // at least one, the first to be tried first
  Duration connect_timeout = std::chrono::seconds(2);  // of each attempt
};

// "HOST:PORT,HOST:PORT". kInvalid: names the wrong one.
Result<std::vector<io::Address>> parse_endpoints(const std::string& text,
                                                 io::NoScheme no_scheme = io::NoScheme::kPlain);

class Client {
 public:
  Client(io::Loop& loop, io::Network& network, Options options);
  ~Client();

  using Done = http::ClientConnection::UnaryDone;
  // `path` as "/etcdserverpb.KV/Put"; request and response in wire form. `done` is called once,
  // after `timeout` at the latest: with the answer, with what the replica says, or with the codes
  // of http::GrpcCode that a connection gives (UNAVAILABLE, DEADLINE_EXCEEDED).
  void call(const std::string& path, std::string request, Duration timeout, Done done);
  // As call, and says whether a replica may have got the request. kNo: certainly none did.
  enum class Sent { kNo, kPerhaps };
  using Ended = std::function<void(const http::GrpcStatus&, Sent, std::string_view response)>;
  void ask(const std::string& path, std::string request, Duration timeout, Ended ended);
  // A stream at the current endpoint; `metadata` goes with its request. It ends with its
  // connection: whoever wants to go on calls move_on, unless endpoint() has changed since, and
  // begins another.
  [[nodiscard]] std::unique_ptr<http::ClientCall> stream(
      const std::string& path, std::function<void(std::string_view)> on_message,
      std::function<void(const http::GrpcStatus&)> closed, const http::Fields& metadata = {});
  // Goes to another endpoint for whatever comes next. Calls that are open go on where they are.
  void move_on();
  std::size_t endpoints() const { return pool_.size(); }
  const io::Address& endpoint() const { return pool_.current(); }

  // Where the members serve clients now: these endpoints are used, and the given ones when none of
  // them answers. client/member_follower.hh keeps it up to date.
  void use_members(const std::vector<io::Address>& members);
  // `f` is called whenever an endpoint is given up; one at a time, nullptr for none.
  void on_move(std::function<void()> f) { moved_ = std::move(f); }

 private:
  void attempt(const std::string& path, const std::string& request, Instant deadline,
               std::size_t tries, Ended ended);
  void on_attempt_ended(const http::ClientConnection& used, const http::GrpcStatus& status);
  http::ClientConnection& connection();
  void bury();   // the connection is used no more
  void prune();  // forgets those whose calls have ended

  io::Loop& loop_;
  io::Network& network_;
  Options options_;
  EndpointPool pool_;
  std::function<void()> moved_;
  std::unique_ptr<http::ClientConnection> connection_;
  // Until the loop's next event, since their callbacks may be on the stack, and until their calls
  // have ended.
  std::vector<std::unique_ptr<http::ClientConnection>> old_;
  std::unique_ptr<io::Timer> prune_timer_;  // while there are any
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>(true);  // shared with events that may outlive the client
};

}  // namespace polis::client
