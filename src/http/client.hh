#pragma once

// A gRPC client connection: unary and streaming calls over one HTTP/2 session.
//
// The connection is made once. When it has failed, make another object.
//
// Threads: the loop's. Bytes are sent by one event that the connection posts to the loop, so that
// all requests of a turn leave together.
// Life: construct (begins to connect) -> calls at any time; they wait until the connection stands
// -> destroy: open calls are dropped, and their callbacks are not called.

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
  // If the connection does not stand after this time, it fails.
  Duration connect_timeout = std::chrono::seconds(3);
  // While calls are open: after this much silence the server is asked for a sign of life (PING). If
  // it sends nothing for the timeout after that, the connection fails.
  Duration keepalive_interval = std::chrono::seconds(10);
  Duration keepalive_timeout = std::chrono::seconds(5);
  // The largest message of an answer, bytes. A call with a larger one ends with INTERNAL.
  std::size_t message_bytes_max = 1ULL << 31;
  SessionLimits session{.stream_window = 4 << 20, .connection_window = 16 << 20};
};

// A streaming call. After it has ended, or its connection is gone, these functions do nothing.
class ClientCall {
 public:
  virtual ~ClientCall() = default;  // cancels the call if it is open; no callback follows
  // Queues one message; the queue has no bound.
  virtual void send(std::string_view message) = 0;
  // No more messages are sent; answers still arrive.
  virtual void half_close() = 0;
};

class ClientConnection {
 public:
  ClientConnection(io::Loop& loop, io::Network& network, io::Address address,
                   ClientOptions options = {});
  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  // One request, one answer. `done` is called once, unless the connection is destroyed first: with
  // the server's status and answer; with DEADLINE_EXCEEDED after `timeout` (zero: no deadline); or
  // with UNAVAILABLE if the connection fails, within this call if it has failed already.
  // GrpcStatus::refused says whether the server certainly did nothing. `response` is valid during
  // the call.
  using UnaryDone = std::function<void(const GrpcStatus&, std::string_view response)>;
  void unary(std::string_view path, std::string_view request, Duration timeout, UnaryDone done);
  // A stream of messages both ways, without a deadline. `closed` is called once, at the end, unless
  // the ClientCall or the connection is destroyed first; never within this call. `metadata`: fields
  // that go with the request; names in lower case; valid during this call.
  [[nodiscard]] std::unique_ptr<ClientCall> stream(std::string_view path,
                                                   std::function<void(std::string_view)> on_message,
                                                   std::function<void(const GrpcStatus&)> closed,
                                                   const Fields& metadata = {});
  bool connected() const;  // the connection stood at some time, so requests may have arrived
  bool failed() const;     // it failed, or the server ends it: make another for new calls
  bool idle() const;       // no call is open

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace polis::http
