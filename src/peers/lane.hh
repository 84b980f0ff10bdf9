#pragma once

// One TCP connection to a peer, made again and again. A link (links.cc) has one or several.
//
// The connection is up when the peer has accepted the greeting, because whatever takes a connection
// (a forwarder, a full queue, a process that stands still) need not be the peer. A peer of a
// release that does not answer greetings is believed to have accepted.
//
// A peer that has answered goes on to send heartbeats. After kSilentBeatsMax beats without a byte
// from it the connection is given up.
//
// Threads: the loop's.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "io/loop.hh"
#include "io/network.hh"
#include "peers/frame.hh"

namespace polis::peers {

// Between two heartbeats of a connection.
inline constexpr Duration kBeatInterval = std::chrono::milliseconds(500);
// A greeting without an answer, a connection without a greeting, and silence end a connection after
// this many beats. Counting beats, not time, keeps a pause of this process from being taken for
// silence of the peer.
inline constexpr int kSilentBeatsMax = 4;

class PeerLane {
 public:
  struct Events {
    std::function<std::string()>
        greeting;  // the first frame of each connection, as it is to be now
    // The peer is known to be of a release that does not answer greetings.
    std::function<bool()> never_answers;
    std::function<void()> up;
    // It could not be made, or has ended; it is being made again.
    std::function<void(const std::string& reason)> down;
    // A peer says nothing here but why it does not take us.
    std::function<void(const Refusal&)> refused;
  };

  PeerLane(io::Loop& loop, io::Network& network, io::Address address, Events events);

  bool is_up() const { return up_; }
  // Bytes for which the socket had no room yet.
  std::size_t waiting() const { return queue_.size() - at_; }
  // And those that the peer's system has not acknowledged.
  std::size_t pending();
  // Takes all of `frames` and leaves it empty. What has not been sent when the connection ends is
  // lost. Needs is_up.
  void add(std::string& frames);
  // Sends what the socket takes; the rest follows by itself.
  void flush();
  // Call every kBeatInterval.
  void beat();
  // It has become known that the peer never answers greetings.
  void expect_no_answer();

 private:
  void connect();
  void become_up();
  void on_connected(std::unique_ptr<io::Stream> stream);
  void on_bytes(std::string_view bytes);
  void reconnect(const std::string& reason);

  io::Loop& loop_;
  io::Network& network_;
  io::Address address_;
  Events events_;
  std::unique_ptr<io::Connecting> connecting_;
  std::unique_ptr<io::Stream> stream_;
  std::unique_ptr<io::Stream> ended_;  // may be the caller, so it is kept for a while
  std::unique_ptr<io::Timer> retry_;
  Duration delay_;
  std::string queue_;
  std::size_t at_ = 0;    // sent of it
  bool blocked_ = false;  // the socket has no room
  Instant progressed_{};  // when it last took something
  FrameReader answers_;
  bool up_ = false;
  bool refused_ = false;   // the peer does not take the newest connection
  bool answered_ = false;  // the peer has accepted the greeting, and sends heartbeats
  bool sent_since_beat_ = false;
  int silent_beats_ = 0;  // since the connection was made, or the peer's last byte
};

}  // namespace polis::peers
