#pragma once

// A server for gRPC, JSON and pages: HTTP/2 and HTTP/1.1 on one port, told apart by the first
// bytes.
//
// Each request is an exchange (http/exchange.hh). The router finds its handler; a gRPC call's
// handler is its method's (http/methods.hh). Handlers answer through callbacks on the loop's
// thread. The bytes written during a turn are sent at its end, with one system call for each
// connection.
//
// Threads: the loop's.
// Life: add methods -> listen -> turn_end after each turn -> drain_and_stop -> destroy, when
// stopped() or when the caller waits no longer: open connections are closed then. `loop` and
// `network` must outlive the server.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.hh"
#include "base/metrics.hh"
#include "http/exchange_call.hh"
#include "http/grpc.hh"
#include "http/methods.hh"
#include "http/router.hh"
#include "http/session.hh"
#include "io/loop.hh"
#include "io/network.hh"

namespace polis::http {

struct ServerOptions {
  SessionLimits session;
  // Open connections. Further ones are accepted and closed at once.
  std::size_t connections_max = 10'000;
  // Open requests of one HTTP/2 connection. Further ones are refused (REFUSED_STREAM). A stream
  // costs about 2 KiB.
  std::size_t streams_max = 32'000;
  std::size_t message_bytes_max = 2 << 20;  // of one request message
  // The sum of all request messages that are not complete, over all connections. Beyond it, the
  // call with the largest one is ended (RESOURCE_EXHAUSTED).
  std::size_t request_bytes_max = 256 << 20;
  // Answers of one streaming call that its client has not taken. Beyond it, the call's handler gets
  // no more messages.
  std::size_t call_queue_bytes = 256 << 10;
  // A new connection that sends nothing for this long is closed; so is an HTTP/1.1 request whose
  // head is not complete after this time.
  Duration preface_timeout = std::chrono::seconds(10);
  // After this much silence of an HTTP/2 client, it is asked for a sign of life (PING).
  Duration keepalive_interval = std::chrono::seconds(30);
  // A client that gives no sign of life for this long after that, or that takes nothing of what is
  // sent to it for this long, is disconnected.
  Duration keepalive_timeout = std::chrono::seconds(20);
  // Nanoseconds since 1970, for the date that answers carry. Empty: they carry none.
  std::function<std::int64_t()> wall_clock;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};
// Serves GET and HEAD of a page. `path` has the query, and is valid during the call. `respond` must
// be called once, at once or later.
using HttpHandler =
    std::function<void(std::string_view path, std::function<void(HttpResponse)> respond)>;

// Since the server was made; connections_open and calls_open: now.
struct ServerCounters {
  std::uint64_t connections_accepted = 0, connections_open = 0, connections_refused = 0;
  std::uint64_t calls_started = 0, calls_open = 0, bytes_received = 0, bytes_sent = 0;
};

class Server {
 public:
  Server(io::Loop& loop, io::Network& network, ServerOptions options);
  ~Server();

  // `path` is "/package.Service/Method".
  void add_unary(const std::string& path, UnaryHandler handler);
  void add_stream(const std::string& path, StreamHandler handler, Streams streams = Streams::kBoth);
  // `handler` serves the page at `path`; where that ends with '/', every page below it.
  void add_page(const std::string& path, HttpHandler handler);
  MethodTable& methods();
  Router& router();
  // For ways in other than gRPC that make calls, such as the JSON gateway.
  CallsShared& calls();

  // Accepts connections at this address. May be called for several addresses. Errors: as
  // io::Network::listen.
  Result<void> listen(const io::Address& address);
  std::uint16_t port() const;  // of the first address; 0: none yet, or a unix socket
  // Sends what this turn has written. Call it at the end of every turn.
  void turn_end();
  // From now on new connections and new calls are refused. Open calls go on.
  void drain_and_stop();
  bool stopped() const;  // drain_and_stop was called, and every connection is closed
  const ServerCounters& counters() const;
  // Writes the metrics of the server: connections, bytes, and calls by method.
  void report(MetricSink& out) const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace polis::http
