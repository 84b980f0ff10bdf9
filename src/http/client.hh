#pragma once

// A gRPC client connection: unary and streaming calls over one HTTP/2 session.
//
// Threads: the loop's. What is written is sent by one event that the connection posts to the loop,
// so all that the events before it wrote leaves together. Life: construct -> calls at any time
// (they wait until the connection stands) -> destroy; open calls end with UNAVAILABLE.

#include <functional>
#include <memory>
#include <string>

#include "http/fields.hh"
#include "http/grpc.hh"
#include "http/session.hh"
#include "io/loop.hh"
#include "io/network.hh"

namespace polis::http {

struct ClientOptions {
  Duration connect_timeout = std::chrono::seconds(3);
  Duration keepalive_interval = std::chrono::seconds(10);
  Duration keepalive_timeout = std::chrono::seconds(5);
  std::size_t message_bytes_max = 1ULL << 31;
  SessionLimits session{.stream_window = 4 << 20, .connection_window = 16 << 20};
};

class ClientCall {
 public:
  virtual ~ClientCall() = default;  // cancels, if the call is still open; no callback follows
  virtual void send(std::string_view message) = 0;
  virtual void half_close() = 0;
};

class ClientConnection {
 public:
  ClientConnection(io::Loop& loop, io::Network& network, io::Address address,
                   ClientOptions options = {});
  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  // One request, one answer. `done` is called once, unless the connection is destroyed first. A
  // timeout of zero: none.
  using UnaryDone = std::function<void(const GrpcStatus&, std::string_view response)>;
  void unary(std::string_view path, std::string_view request, Duration timeout, UnaryDone done);
  // A stream of messages both ways. `closed` is called once, at the end. `metadata` goes with the
  // request, names in lower case.
  [[nodiscard]] std::unique_ptr<ClientCall> stream(std::string_view path,
                                                   std::function<void(std::string_view)> on_message,
                                                   std::function<void(const GrpcStatus&)> closed,
                                                   const Fields& metadata = {});
  bool connected() const;  // it stood at some time: what was called may have arrived
  bool failed() const;     // the connection is gone; make another
  bool idle() const;       // no call is open

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace polis::http
