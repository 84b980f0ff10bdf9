#pragma once

// The C++ client of a cell: calls with deadlines over a list of endpoints.
//
// An endpoint that cannot be reached is passed over. A request that may have reached a replica is
// never sent again by itself: then its outcome is unknown, and the status says so.
//
// Threads: the loop's. Life: destroying it ends open calls without a word.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/client.hh"
#include "io/loop.hh"
#include "io/network.hh"

namespace polis::client {

struct Options {
  std::vector<io::Address> endpoints;
  Duration connect_timeout = std::chrono::seconds(2);
};

// "HOST:PORT,HOST:PORT". kInvalid: names the wrong one.
Result<std::vector<io::Address>> parse_endpoints(
    const std::string& text, io::NoScheme no_scheme = io::NoScheme::kPlain);

class Client {
 public:
  Client(io::Loop& loop, io::Network& network, Options options);
  ~Client();

  using Done = http::ClientConnection::UnaryDone;
  // `path` as "/etcdserverpb.KV/Put"; request and response in wire form.
  void call(const std::string& path, std::string request, Duration timeout, Done done);
  // A stream at the first endpoint that answers.
  [[nodiscard]] std::unique_ptr<http::ClientCall> stream(
      const std::string& path, std::function<void(std::string_view)> on_message,
      std::function<void(const http::GrpcStatus&)> closed);
  // Goes to the next endpoint for whatever comes next.
  void move_on();
  std::size_t endpoints() const { return options_.endpoints.size(); }
  const io::Address& endpoint() const { return options_.endpoints[current_]; }

 private:
  void attempt(const std::string& path, const std::string& request, Instant deadline,
               std::size_t tries, Done done);
  http::ClientConnection& connection();
  void bury();

  io::Loop& loop_;
  io::Network& network_;
  Options options_;
  std::size_t current_ = 0;
  std::unique_ptr<http::ClientConnection> connection_;
  std::vector<std::unique_ptr<http::ClientConnection>>
      old_;  // until the loop's next event: their callbacks may be on the stack
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>(true);  // shared with events that may outlive the client
};

}  // namespace polis::client
