#pragma once

// One connection of a server: its socket, the bytes that wait to be sent, and the HTTP version that
// its client speaks. The first bytes tell the version.
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
  // Takes bytes that have arrived. False: the connection must end after everything was sent.
  virtual bool on_bytes(std::string_view bytes) = 0;
  // Appends bytes to send now, up to about `bytes_max`. Nothing is appended: there is none.
  virtual void produce(std::string& out, std::size_t bytes_max) = 0;
  // Nothing more will be read or sent.
  virtual bool finished() const = 0;
  // From now on no new request is accepted; open ones are completed.
  virtual void goaway() = 0;
  // Called about once a second. `heard`: when the client last sent something. False: the client has
  // been silent for too long, so the connection must end.
  virtual bool check(Instant now, Instant heard) = 0;
  // The socket has taken this many bytes.
  virtual void on_sent(std::size_t) {}
};

class Connection final {
 public:
  Connection(Server::Impl& server, std::uint64_t id, std::unique_ptr<io::Stream> stream);
  ~Connection();

  // Begins to read.
  void start();
  // Sends as much as the socket takes; the rest follows when it has room.
  void flush();
  // As Protocol::goaway.
  void goaway();
  // Called about once a second: closes the connection if its client has been silent, or has read
  // nothing, for too long.
  void check(Instant now);

  // For the protocol.
  Server::Impl& server() { return server_; }
  const std::string& peer() const { return stream_->peer(); }
  std::uint64_t id() const { return id_; }
  // There is something to send: flush() is called at the end of this turn.
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
  std::string first_bytes_;  // until the HTTP version is known
  std::string out_;          // produced, not yet taken by the socket
  std::size_t out_at_ = 0;
  bool dirty_ = false, close_when_sent_ = false, closing_ = false, blocked_ = false;
  Instant heard_, progressed_;
};

}  // namespace polis::http
