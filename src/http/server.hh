#pragma once

// A gRPC server over HTTP/2, with a little HTTP/1.1 on the same port for health checks and metrics.
//
// Calls are answered with callbacks, from the same thread. What is written during a turn is sent at
// its end, with one system call for each connection.
//
// Threads: the reactor's.
// Life: add methods -> listen -> drain_and_stop -> destroy, when stopped() or when patience ends.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.hh"
#include "http/grpc.hh"
#include "http/session.hh"
#include "io/tcp.hh"

namespace polis::http {

struct ServerOptions {
  SessionLimits session;
  std::size_t connections_max = 10'000;
  std::size_t message_bytes_max = 2 << 20;  // of one request message
  // Streams of one connection may hold this much that its client does not read; then their writers
  // have to wait.
  std::size_t call_queue_bytes = 256 << 10;
  Duration preface_timeout = std::chrono::seconds(10);  // a connection that says nothing at all
  Duration keepalive_interval =
      std::chrono::seconds(30);  // silence after which the client is asked whether it lives
  Duration keepalive_timeout =
      std::chrono::seconds(20);  // and how long it has to answer, or to take what is sent
};

// Bytes of one message that are made while they are sent.
class MessageSource {
 public:
  virtual ~MessageSource() = default;
  virtual std::uint64_t size() const = 0;
  // Appends at least one byte and about `bytes_max`; false when there is nothing more.
  virtual bool read(std::string& out, std::size_t bytes_max) = 0;
};

// One call, as its handler sees it. The handler may keep it as long as it likes: after the client
// has gone, writing does nothing. Shared: by the connection, and by whoever will answer.
class ServerCall : public std::enable_shared_from_this<ServerCall> {
 public:
  virtual ~ServerCall() = default;
  // Sends one message. Unbounded: a streaming handler looks at queued() first.
  virtual void send(std::string_view message) = 0;
  // Sends one message that is made while it is sent. The only one of the call.
  virtual void send_from(std::unique_ptr<MessageSource> source) = 0;
  // Ends the call. Later calls do nothing.
  virtual void finish(const GrpcStatus& status) = 0;
  // send and finish with OK.
  void reply(std::string_view message) {
    send(message);
    finish({});
  }
  virtual bool open() const = 0;
  // Bytes that the client has not taken yet.
  virtual std::size_t queued() const = 0;
  virtual const std::string& peer() const = 0;

  // Set by the handler when the call begins; each may stay empty. They are dropped when the call
  // ends, and with them what they hold.
  std::function<void(std::string_view message)> on_message;  // streaming only
  std::function<void()> on_half_close;                       // the client sends no more
  std::function<void()> on_close;                            // the call is over, finished or not
  std::function<void()> on_drained;  // queued() has fallen below half of the limit
};

using CallPtr = std::shared_ptr<ServerCall>;
using UnaryHandler = std::function<void(CallPtr call, std::string_view request)>;
using StreamHandler = std::function<void(CallPtr call)>;

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};
using HttpHandler =
    std::function<void(std::string_view path, std::function<void(HttpResponse)> respond)>;

struct ServerCounters {
  std::uint64_t connections_accepted = 0, connections_open = 0, connections_refused = 0;
  std::uint64_t calls_started = 0, calls_open = 0, bytes_received = 0, bytes_sent = 0;
};

class Server {
 public:
  Server(io::Reactor& reactor, ServerOptions options);
  ~Server();

  // `path` is "/package.Service/Method".
  void add_unary(const std::string& path, UnaryHandler handler);
  void add_stream(const std::string& path, StreamHandler handler);
  void set_http(HttpHandler handler);

  // May be called several times, for several addresses.
  Result<void> listen(const io::Address& address);
  std::uint16_t port() const;  // of the first one
  // Sends what this turn has written. Call at the end of every turn.
  void turn_end();
  // No new connections and no new calls; those under way may end.
  void drain_and_stop();
  bool stopped() const;  // drained, and every connection is closed
  const ServerCounters& counters() const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace polis::http
