#include "peers/lane.hh"

namespace polis::peers {
namespace {

constexpr Duration kReconnectMin = std::chrono::milliseconds(50);
constexpr Duration kReconnectMax = std::chrono::milliseconds(300);
// A peer that refuses this replica is asked again less and less often: the reason lasts until
// somebody changes a setting or the members.
constexpr Duration kRefusedRetryMax = std::chrono::seconds(3);
constexpr Duration kConnectTimeout = std::chrono::seconds(1);
// What a peer has not acknowledged by then is of no use any more, and a new connection is made
// sooner than TCP would try this one again.
constexpr Duration kUnacknowledgedMax = std::chrono::seconds(1);
// A peer that takes nothing for this long is connected to anew: what waits for it is of no use any
// more.
constexpr Duration kStallMax = std::chrono::seconds(3);
constexpr std::size_t kSentBytesKept = 1 << 20;

}  // namespace

PeerLane::PeerLane(io::Loop& loop, io::Network& network, io::Address address, Events events)
    : loop_(loop),
      network_(network),
      address_(std::move(address)),
      events_(std::move(events)),
      delay_(kReconnectMin) {
  connect();
}

std::size_t PeerLane::pending() { return waiting() + (stream_ ? stream_->unacknowledged() : 0); }

void PeerLane::add(std::string& frames) {
  if (queue_.empty()) {
    queue_.swap(frames);
  } else {
    queue_ += frames;
    frames.clear();
  }
}

void PeerLane::flush() {
  if (blocked_ && loop_.now() - progressed_ > kStallMax) return reconnect("it takes no bytes");
  if (!stream_ || blocked_ || at_ == queue_.size()) return;
  sent_since_beat_ = true;
  const std::size_t n = stream_->write(std::string_view(queue_).substr(at_));
  at_ += n;
  if (n > 0) progressed_ = loop_.now();
  if (at_ == queue_.size()) {
    queue_.clear();
    at_ = 0;
  } else {
    blocked_ = true;
    if (at_ > kSentBytesKept) {
      queue_.erase(0, at_);
      at_ = 0;
    }
  }
}

void PeerLane::connect() {
  connecting_ = network_.connect(address_, kConnectTimeout,
                                 [this](Result<std::unique_ptr<io::Stream>> result) {
                                   if (!result) return reconnect(result.error().text);
                                   on_connected(std::move(*result));
                                 });
}

void PeerLane::on_connected(std::unique_ptr<io::Stream> stream) {
  stream_ = std::move(stream);
  stream_->give_up_unacknowledged_after(kUnacknowledgedMax);
  progressed_ = loop_.now();
  answers_ = {};
  answered_ = refused_ = false;
  silent_beats_ = 0;
  stream_->start({[this](std::string_view bytes) { on_bytes(bytes); },
                  [this](const std::string& reason) { reconnect(reason); },
                  [this] {
                    blocked_ = false;
                    flush();
                  }});
  append_frame(queue_, events_.greeting());
  flush();
  if (stream_ && events_.never_answers()) become_up();
}

void PeerLane::become_up() {
  if (std::exchange(up_, true)) return;
  delay_ = kReconnectMin;
  events_.up();
}

void PeerLane::expect_no_answer() {
  if (stream_) become_up();
}

void PeerLane::on_bytes(std::string_view bytes) {
  if (up_) silent_beats_ = 0;
  answers_.add(bytes);
  while (stream_) {
    auto frame = answers_.next();
    if (!frame) return reconnect(frame.error().text);
    if (!*frame) return;
    if (**frame == kHeartbeatFrame) continue;
    if (**frame == kAcceptedFrame) {
      answered_ = true;
      silent_beats_ = 0;
      become_up();
    } else if (auto refusal = decode_refusal(**frame)) {
      refused_ = true;
      events_.refused(*refusal);
    }
  }
}

void PeerLane::beat() {
  if (!stream_) return;
  const bool expects = answered_ || !up_;
  if (expects && ++silent_beats_ > kSilentBeatsMax)
    return reconnect(answered_ ? "it has been silent for 2 s" : "its greeting was not answered");
  if (!std::exchange(sent_since_beat_, false) && answered_ && queue_.empty()) {
    append_frame(queue_, kHeartbeatFrame);
    flush();
    sent_since_beat_ = false;
  }
}

void PeerLane::reconnect(const std::string& reason) {
  ended_ = std::move(stream_);
  up_ = false;
  queue_.clear();
  at_ = 0;
  blocked_ = false;
  retry_ = loop_.after(delay_, [this] {
    auto keep = std::move(retry_);
    ended_.reset();
    connect();
  });
  const bool refused = std::exchange(refused_, false);
  delay_ = std::min(delay_ * 2, refused ? kRefusedRetryMax : kReconnectMax);
  events_.down(reason);
}

}  // namespace polis::peers
