#pragma once

// A server for gRPC, JSON and pages: HTTP/2 and HTTP/1.1 on one port, told apart by the first
// bytes.
//
// Requests are exchanges (http/exchange.hh), the router finds their handlers, and gRPC calls find
// their methods (http/methods.hh). All are answered with callbacks, from the same thread. What is
// written during a turn is sent at its end, with one system call for each connection.
//
// Threads: the loop's.
// Life: add methods -> listen -> drain_and_stop -> destroy, when stopped() or when patience ends.

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
  std::size_t connections_max = 10'000;
  // Open requests of one connection; a client that begins more has them refused (REFUSED_STREAM).
  // A stream costs about 2 KiB.
  std::size_t streams_max = 32'000;
  std::size_t message_bytes_max = 2 << 20;  // of one request message
  // Request messages that are not complete, of all connections together; beyond it, the largest one
  // is ended.
  std::size_t request_bytes_max = 256 << 20;
  // Streams of one connection may hold this much that its client does not read; then their writers
  // have to wait.
  std::size_t call_queue_bytes = 256 << 10;
  Duration preface_timeout = std::chrono::seconds(10);  // a connection that says nothing at all
  Duration keepalive_interval =
      std::chrono::seconds(30);  // silence after which the client is asked whether it lives
  Duration keepalive_timeout =
      std::chrono::seconds(20);  // and how long it has to answer, or to take what is sent
  // Nanoseconds since 1970, for the date that answers carry; empty: they carry none.
  std::function<std::int64_t()> wall_clock;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};
// Serves GET and HEAD. `path` with its query.
using HttpHandler =
    std::function<void(std::string_view path, std::function<void(HttpResponse)> respond)>;

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
  // The page at `path`; where that ends with '/', every page below it.
  void add_page(const std::string& path, HttpHandler handler);
  MethodTable& methods();
  Router& router();
  // For calls that come another way than gRPC.
  CallsShared& calls();

  // May be called several times, for several addresses.
  Result<void> listen(const io::Address& address);
  std::uint16_t port() const;  // of the first one
  // Sends what this turn has written. Call at the end of every turn.
  void turn_end();
  // No new connections and no new calls; those under way may end.
  void drain_and_stop();
  bool stopped() const;  // drained, and every connection is closed
  const ServerCounters& counters() const;
  // Connections, bytes, and calls by method.
  void report(MetricSink& out) const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace polis::http
