#pragma once

// One connection of the simulated network: a small TCP. Bytes have offsets. Received bytes are
// acknowledged; bytes without an acknowledgement are sent again, after a time that doubles. The
// receiver says through which offset the sender may send. There is no congestion control, because
// bandwidth and losses are given.
//
// Each end has two parts: the stream that the process sees (io::Stream), and the part in its
// system, which goes on when the process stands still or has closed the stream.
//
// Threads: one.
// Source: RFC 9293, and Linux where that leaves a choice.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "io/network.hh"
#include "sim/stream_network.hh"

namespace polis::sim {

struct Segment {
  enum class Kind { kBytes, kEnd, kAcknowledgement, kProbe, kReset } kind = Kind::kAcknowledgement;
  std::uint64_t offset = 0;  // of the bytes, or of the end
  std::string bytes;
  std::uint64_t acknowledged = 0;  // everything before this offset has arrived at the sender
  std::uint64_t limit = 0;         // the sender has room for bytes before this offset
};

class WireEnd {
 public:
  WireEnd(WireConnection& connection, std::size_t side, StreamHost& host, std::string peer);

  // --- as the process sees it

  void start(io::Stream::Handlers handlers);
  std::size_t write(std::string_view bytes);
  std::size_t unacknowledged() const { return queue_.size(); }
  void pause() { paused_ = true; }
  void resume();
  void give_up_after(Duration limit) { give_up_ = limit; }
  void close();
  const std::string& peer() const { return peer_; }

  // --- as its system does

  void arrive(Segment segment);
  // For the server's end: the first segment of the client makes the listener at `port` accept it.
  void await_accept(std::uint16_t port) { awaits_accept_at_ = port; }
  void set_limit(std::uint64_t limit) { limit_ = limit; }
  std::uint64_t room_bytes() const { return receive_room_; }
  void die(const std::string& reason);
  void forget() { dead_ = true; }  // its host lost its power
  bool dead() const { return dead_; }
  StreamHost& host() { return host_; }
  const std::string& address() const { return address_; }
  // For the client's end: sends segments until the other side answers.
  void greet();

 private:
  std::uint64_t written() const { return acknowledged_ + queue_.size(); }
  // Whether the other side has something to acknowledge.
  bool outstanding() const {
    return greeting_ || !queue_.empty() || (ending_ && !end_acknowledged_);
  }
  void acknowledge() { transmit({}); }
  Duration patience() const;
  bool accepted();
  void on_acknowledged(std::uint64_t through, std::uint64_t limit);
  void take(Segment& segment);
  void pump();
  void arm();
  void on_timer();
  void transmit(Segment segment);
  void post_read();
  void read();
  void deliver();
  void end(const std::string& reason);

  WireConnection& connection_;
  std::size_t side_;
  StreamHost& host_;
  std::string address_;  // the host's when the connection was made
  std::string peer_;
  std::optional<std::uint16_t> awaits_accept_at_;

  // The process.
  io::Stream::Handlers handlers_;
  bool open_ = true, started_ = false, paused_ = false, read_posted_ = false;
  bool blocked_ = false;  // a write was not taken whole

  // Sending.
  std::size_t send_room_;
  std::string queue_;  // from acknowledged_ on
  std::uint64_t acknowledged_ = 0, sent_ = 0, limit_ = 0;
  bool greeting_ = false, ending_ = false, end_sent_ = false, end_acknowledged_ = false;
  // When something was last acknowledged; when everything was last sent again.
  Instant progressed_{}, tried_{};
  Duration retry_;
  std::optional<Duration> give_up_;
  bool armed_ = false;
  std::uint64_t alarm_ = 0;  // number of the newest timer; earlier ones do nothing

  // Receiving.
  std::size_t receive_room_;
  std::string inbox_;
  std::uint64_t received_ = 0, limit_told_ = 0;
  bool end_received_ = false;

  bool dead_ = false;  // the system knows nothing of the connection any more
  std::optional<std::string> failure_;
};

class WireConnection : public std::enable_shared_from_this<WireConnection> {
 public:
  // Side 0 is the client's end, side 1 the server's. The server accepts when it hears from the
  // client.
  WireConnection(StreamHost& client, StreamHost& server, std::uint16_t port);
  ~WireConnection();

  WireEnd& end(std::size_t side) { return side == 0 ? client_ : server_; }
  std::unique_ptr<io::Stream> stream(std::size_t side);
  void send(std::size_t side, Segment segment);
  // Both sides are told that the other one has reset the connection.
  void reset();
  void mute(std::size_t side) { mute_[side] = true; }  // nothing that it sends arrives
  StreamNetwork& network() { return network_; }
  Random& random() { return random_; }

 private:
  StreamNetwork& network_;
  Random random_;
  WireEnd client_, server_;
  std::array<Instant, 2> in_order_{};
  std::array<bool, 2> mute_{};
};

}  // namespace polis::sim
