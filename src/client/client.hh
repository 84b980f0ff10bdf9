#pragma once

// The C++ client of a cell: calls with deadlines over a list of endpoints, with messages as bytes.
// Most users use the typed parts that stand on it: client/kv.hh, watch.hh, session.hh, lock.hh,
// election.hh.
//
// If an endpoint cannot be reached, or does not answer in time, the client goes to the next one. A
// request that may have reached a replica is never sent again by itself: its outcome is unknown
// then, and Sent says so.
//
// Threads: the loop's.
// Life: construct (nothing is connected yet) -> calls at any time -> destroy, not within a callback
// of a call or stream. Destroying it drops open calls without a callback. `loop` and `network` must
// outlive it.

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

// Reads "HOST:PORT,HOST:PORT". kInvalid: an endpoint is malformed; the text names it.
Result<std::vector<io::Address>> parse_endpoints(const std::string& text,
                                                 io::NoScheme no_scheme = io::NoScheme::kPlain);

class Client {
 public:
  Client(io::Loop& loop, io::Network& network, Options options);
  ~Client();

  using Done = http::ClientConnection::UnaryDone;
  // Makes a unary call. `path`: such as "/etcdserverpb.KV/Put". Request and response are in wire
  // form. `done` is called once, after `timeout` at the latest: with the replica's answer or
  // status, or with UNAVAILABLE or DEADLINE_EXCEEDED of the connection.
  void call(const std::string& path, std::string request, Duration timeout, Done done);
  // As call; Sent says whether a replica may have received the request. kNo: certainly none has.
  enum class Sent { kNo, kPerhaps };
  using Ended = std::function<void(const http::GrpcStatus&, Sent, std::string_view response)>;
  void ask(const std::string& path, std::string request, Duration timeout, Ended ended);
  // Begins a stream at the current endpoint, as http::ClientConnection::stream. It ends with its
  // connection. To go on at another endpoint, call move_on (unless endpoint() has changed since the
  // stream began), and begin another stream.
  [[nodiscard]] std::unique_ptr<http::ClientCall> stream(
      const std::string& path, std::function<void(std::string_view)> on_message,
      std::function<void(const http::GrpcStatus&)> closed, const http::Fields& metadata = {});
  // Makes another endpoint the current one, for later calls. Open calls go on where they are.
  void move_on();
  std::size_t endpoints() const { return pool_.size(); }
  const io::Address& endpoint() const { return pool_.current(); }

  // Sets the addresses at which the members serve clients now. They are used first; the endpoints
  // of Options are used when none of them answers. client/member_follower.hh calls this.
  void use_members(const std::vector<io::Address>& members);
  // `f` is called whenever the client leaves an endpoint. It replaces the `f` before; nullptr:
  // none.
  void on_move(std::function<void()> f) { moved_ = std::move(f); }

 private:
  void attempt(const std::string& path, const std::string& request, Instant deadline,
               std::size_t tries, Ended ended);
  void on_attempt_ended(const http::ClientConnection& used, const http::GrpcStatus& status);
  http::ClientConnection& connection();
  void bury();   // moves connection_ to old_
  void prune();  // destroys the connections of old_ whose calls have ended

  io::Loop& loop_;
  io::Network& network_;
  Options options_;
  EndpointPool pool_;
  std::function<void()> moved_;
  std::unique_ptr<http::ClientConnection> connection_;
  // Connections that are not used for new calls. Each is kept until its calls have ended, and at
  // least until the loop's next event, because its callbacks may be on the stack.
  std::vector<std::unique_ptr<http::ClientConnection>> old_;
  std::unique_ptr<io::Timer> prune_timer_;  // while old_ is not empty
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>(true);  // shared with events that may outlive the client
};

}  // namespace polis::client
