#pragma once

// One connection of a server: its socket, what waits to be sent, and the version of HTTP that its
// client speaks, which the first bytes tell.
//
// Threads: the loop's.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/server.hh"

namespace polis::http {

class Connection;

// One version of HTTP on a connection.
class Protocol {
 public:
  virtual ~Protocol() = default;
  // Takes what arrived. False: the connection must end when what is left has been sent.
  virtual bool on_bytes(std::string_view bytes) = 0;
  // Appends what is to be sent now, up to about `bytes_max`.
  virtual void produce(std::string& out, std::size_t bytes_max) = 0;
  // Nothing more will be read or sent.
  virtual bool finished() const = 0;
  // No new requests from now on; open ones may end.
  virtual void goaway() = 0;
  // Once a second or so. False: the client has been silent for too long. `heard`: when it last sent
  // something.
  virtual bool check(Instant now, Instant heard) = 0;
  // So many bytes have left.
  virtual void on_sent(std::size_t) {}
};

class Connection final {
 public:
  Connection(Server::Impl& server, std::uint64_t id, std::unique_ptr<io::Stream> stream);
  ~Connection();

  void start();
  void flush();
  void goaway();
  // Once a second or so: closes who has been silent for too long.
  void check(Instant now);

  // For the protocol.
  Server::Impl& server() { return server_; }
  const std::string& peer() const { return stream_->peer(); }
  std::uint64_t id() const { return id_; }
  // There is something to send.
  void mark_dirty();
  void close_when_sent();
  void pause_reading() { stream_->pause_reading(); }
  void resume_reading() { stream_->resume_reading(); }

 private:
  void on_bytes(std::string_view bytes);
  void feed(std::string_view bytes);
  void close_later();

  Server::Impl& server_;
  std::uint64_t id_;
  std::unique_ptr<io::Stream> stream_;
  std::unique_ptr<Protocol> protocol_;
  std::string first_bytes_;  // until it is known what is spoken
  std::string out_;          // produced, not yet taken by the socket
  std::size_t out_at_ = 0;
  bool dirty_ = false, close_when_sent_ = false, closing_ = false, blocked_ = false;
  Instant heard_, progressed_;
};

}  // namespace polis::http
