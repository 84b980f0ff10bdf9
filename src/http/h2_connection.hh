#pragma once

// HTTP/2 on a server's connection: each of its streams is an exchange.
//
// Threads: the loop's.

#include <absl/container/flat_hash_map.h>

#include "http/connection.hh"
#include "http/exchange.hh"
#include "http/session.hh"

namespace polis::http {

class H2Connection;

class H2Exchange final : public Exchange, public BodySource {
 public:
  H2Exchange(H2Connection& connection, StreamId stream)
      : connection_(&connection), stream_(stream) {}

  void respond(int status, const Fields& fields) override;
  void respond_without_body(int status, const Fields& fields) override;
  void end(const Fields& trailers) override;
  void abort() override;
  void consumed(std::size_t bytes) override;
  bool open() const override { return connection_ != nullptr && !ended_; }
  const std::string& peer() const override;
  State read(std::string& out, std::size_t bytes_max) override;

  // Called by the connection.
  void on_data(std::string_view bytes);
  void on_request_end();
  void close();  // the stream is gone
  // The request's Content-Length. If the body has another length, the stream is reset.
  void expect_length(std::uint64_t bytes) { length_left_ = static_cast<std::int64_t>(bytes); }

 protected:
  void wake() override;

 private:
  Fields with_status(int status, const Fields& fields, std::string& text) const;

  H2Connection* connection_;  // null when the stream is gone
  StreamId stream_;
  std::int64_t length_left_ = -1;  // negative: there is no Content-Length
  bool responding_ = false, ended_ = false;
};

class H2Connection final : public Protocol, public SessionEvents {
 public:
  explicit H2Connection(Connection& connection);
  ~H2Connection() override;

  bool on_bytes(std::string_view bytes) override;
  void produce(std::string& out, std::size_t bytes_max) override;
  bool finished() const override { return session_.finished(); }
  void goaway() override { session_.goaway(); }
  bool check(Instant now, Instant heard) override;
  void on_sent(std::size_t bytes) override { session_.on_sent(bytes); }

  Session& session() { return session_; }
  Connection& connection() { return connection_; }

  // SessionEvents
  void on_headers(StreamId stream, const Headers& headers, bool trailers) override;
  void on_data(StreamId stream, std::string_view bytes) override;
  void on_end(StreamId stream) override;
  void on_close(StreamId stream, std::uint32_t error) override;
  void on_ping_ack() override {}
  void on_goaway(StreamId) override {}

 private:
  Connection& connection_;
  Session session_;
  absl::flat_hash_map<StreamId, std::shared_ptr<H2Exchange>> exchanges_;  // shared with who answers
  bool pinged_ = false;
};

}  // namespace polis::http
