#pragma once

// A lane: one TCP connection to a peer. When it ends, it is made again, for as long as the lane
// lives. A link (links.cc) has one or several lanes.
//
// A lane is *up* when the peer has accepted the greeting. An open connection alone does not count,
// because a forwarder, a full queue or a process that stands still may have taken it. A peer of a
// release that does not answer greetings counts as having accepted.
//
// A peer that has answered also sends heartbeats. If no byte comes from it for more than
// kSilentBeatsMax beats, the connection is ended.
//
// Threads: the loop's.
// Life: construct (begins to connect) -> add and flush while up, beat at each interval -> destroy,
// not within an event.

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
// A connection is ended when more than this many beats pass without an answer to its greeting,
// without a greeting (on the side that accepted it), or without a byte from the peer. Beats are
// counted instead of time: so a pause of this process is not taken for silence of the peer.
inline constexpr int kSilentBeatsMax = 4;

class PeerLane {
 public:
  struct Events {
    std::function<std::string()> greeting;  // asked for the first frame of each new connection
    // Asked whether the peer is known to run a release that does not answer greetings.
    std::function<bool()> never_answers;
    // The lane is up.
    std::function<void()> up;
    // The connection could not be made, or has ended. It is being made again.
    std::function<void(const std::string& reason)> down;
    // The peer refuses this replica.
    std::function<void(const Refusal&)> refused;
  };

  PeerLane(io::Loop& loop, io::Network& network, io::Address address, Events events);

  bool is_up() const { return up_; }
  // Bytes that were added and that the socket has not taken.
  std::size_t waiting() const { return queue_.size() - at_; }
  // waiting(), and the bytes that the peer's system has not acknowledged.
  std::size_t pending();
  // Takes all of `frames` and leaves it empty. Bytes that are not sent when the connection ends are
  // lost. Precondition: is_up().
  void add(std::string& frames);
  // Sends what the socket takes; the rest follows when it has room.
  void flush();
  // Call it every kBeatInterval.
  void beat();
  // The peer is now known to run a release that does not answer greetings.
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
  std::unique_ptr<io::Stream> ended_;  // the last connection; its handler may be on the stack
  std::unique_ptr<io::Timer> retry_;
  Duration delay_;
  std::string queue_;
  std::size_t at_ = 0;    // how much of queue_ was sent
  bool blocked_ = false;  // the socket has no room
  Instant progressed_{};  // when the socket last took something
  FrameReader answers_;
  bool up_ = false;
  bool refused_ = false;   // the peer has refused the present connection
  bool answered_ = false;  // the peer has accepted the greeting, and sends heartbeats
  bool sent_since_beat_ = false;
  int silent_beats_ = 0;  // since the connection was made, or the peer's last byte
};

}  // namespace polis::peers
