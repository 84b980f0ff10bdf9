#pragma once

// One TCP connection to a peer, made again and again. A link (peer_links.cc) has one or several.
//
// Threads: the reactor's.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "io/tcp.hh"
#include "peers/frame.hh"

namespace polis::peers {

class PeerLane {
 public:
  struct Events {
    std::function<std::string()>
        greeting;  // the first frame of each connection, as it is to be now
    std::function<void()> up;
    // It could not be made, or has ended; it is being made again.
    std::function<void(const std::string& reason)> down;
    // A peer says nothing here but why it does not take us.
    std::function<void(const Refusal&)> refused;
  };

  PeerLane(io::Reactor& reactor, io::Address address, Events events);

  bool is_up() const { return stream_ != nullptr; }
  // Bytes for which the socket had no room yet.
  std::size_t waiting() const { return queue_.size() - at_; }
  // And those that the peer's system has not acknowledged.
  std::size_t pending();
  // Takes all of `frames` and leaves it empty. What has not been sent when the connection ends is
  // lost. Needs is_up.
  void add(std::string& frames);
  // Sends what the socket takes; the rest follows by itself.
  void flush();

 private:
  void connect();
  void on_connected(std::unique_ptr<io::TcpStream> stream);
  void on_bytes(std::string_view bytes);
  void reconnect(const std::string& reason);

  io::Reactor& reactor_;
  io::Address address_;
  Events events_;
  std::unique_ptr<io::Connecting> connecting_;
  std::unique_ptr<io::TcpStream> stream_;
  std::unique_ptr<io::TcpStream> ended_;  // may be the caller, so it is kept for a while
  std::unique_ptr<io::Timer> retry_;
  Duration delay_;
  std::string queue_;
  std::size_t at_ = 0;    // sent of it
  bool blocked_ = false;  // the socket has no room
  Instant progressed_{};  // when it last took something
  FrameReader answer_;
};

}  // namespace polis::peers
