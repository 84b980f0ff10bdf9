#pragma once

// One connection of a server: finds out which HTTP its client speaks, and runs its calls.

#include <unordered_set>

#include "http/server.hh"

namespace polis::http {

struct Method {
  UnaryHandler unary;
  StreamHandler stream;
};

class Connection;

// A call's state, and where its bytes come from.
class Call final : public ServerCall, public BodySource {
 public:
  Call(Connection& connection, StreamId stream, const Method* method, std::size_t message_max)
      : connection_(&connection), stream_(stream), method_(method), reader_(message_max) {}

  void send(std::string_view message) override;
  void send_from(std::unique_ptr<MessageSource> source) override;
  void finish(const GrpcStatus& status) override;
  bool open() const override { return connection_ != nullptr && !finished_; }
  std::size_t queued() const override { return queue_.size() - queue_at_; }
  const std::string& peer() const override;
  State read(std::string& out, std::size_t bytes_max) override;

  // From the connection.
  void on_bytes(std::string_view bytes);
  void on_end();
  void close();  // the stream is gone
  StreamId stream() const { return stream_; }
  Instant deadline = Instant::max();

 private:
  void deliver();
  void start_response();
  void wake();

  Connection* connection_;  // null when the stream is gone
  StreamId stream_;
  const Method* method_;
  GrpcReader reader_;
  std::string queue_;
  std::size_t queue_at_ = 0;
  std::unique_ptr<MessageSource> source_;
  bool responding_ = false, finished_ = false, ended_ = false, delivered_ = false;
  GrpcStatus status_;
};

class Connection final : public SessionEvents {
 public:
  Connection(Server::Impl& server, std::uint64_t id, std::unique_ptr<io::TcpStream> stream);
  ~Connection() override;

  void start();
  void flush();
  void goaway();
  // Once a second or so: closes who has been silent for too long.
  void check(Instant now);
  void check_deadlines(Instant now);

  std::uint64_t id() const { return id_; }
  Session* session() { return session_.get(); }
  Server::Impl& server() { return server_; }
  const std::string& peer() const { return stream_->peer(); }
  void mark_dirty();
  void watch_deadline(Call& call);

  // SessionEvents
  void on_headers(StreamId stream, const Headers& headers, bool trailers) override;
  void on_data(StreamId stream, std::string_view bytes) override;
  void on_end(StreamId stream) override;
  void on_close(StreamId stream, std::uint32_t error) override;
  void on_ping_ack() override {}
  void on_goaway(StreamId) override {}

 private:
  void on_bytes(std::string_view bytes);
  void speak_http1();
  void respond_http1(const HttpResponse& response, bool keep);
  void refuse(StreamId stream, const GrpcStatus& status);
  void close_later();

  enum class Speaks { kUnknown, kHttp1, kHttp2 };
  Server::Impl& server_;
  std::uint64_t id_;
  std::unique_ptr<io::TcpStream> stream_;
  std::unique_ptr<Session> session_;
  Speaks speaks_ = Speaks::kUnknown;
  std::string first_bytes_;  // until it is known what is spoken; then HTTP/1's request
  bool http1_busy_ = false;
  std::string out_;  // drained, not yet taken by the socket
  std::size_t out_at_ = 0;
  bool dirty_ = false, close_when_sent_ = false, closing_ = false, blocked_ = false;
  Instant heard_, progressed_;
  bool pinged_ = false;
  std::unordered_map<StreamId, std::shared_ptr<Call>>
      calls_;  // shared with the handlers that answer
  std::unordered_set<StreamId> with_deadline_;
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>(true);  // shared with answers to HTTP/1 that come later
};

struct Server::Impl {
  io::Reactor& reactor;
  ServerOptions options;
  std::unordered_map<std::string, Method> methods;
  HttpHandler http;
  std::vector<std::unique_ptr<io::TcpListener>> listeners;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections;
  std::vector<std::uint64_t> dirty;
  std::vector<std::unique_ptr<Connection>>
      closed;  // until the turn's end: they may be on the stack
  std::uint64_t next_connection = 1;
  std::unique_ptr<io::Timer> timer;
  bool draining = false;
  int ticks = 0;
  ServerCounters counters;

  Impl(io::Reactor& r, ServerOptions o) : reactor(r), options(std::move(o)) {}
  void accept(std::unique_ptr<io::TcpStream> stream);
  void remove(std::uint64_t id);
  void tick();
};

}  // namespace polis::http
