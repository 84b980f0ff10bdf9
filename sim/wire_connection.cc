#include "sim/wire_connection.hh"

#include <algorithm>

namespace polis::sim {
namespace {

using namespace std::chrono_literals;

// Linux: TCP_RTO_MIN, TCP_RTO_MAX, the time that tcp_retries2 comes to, and about what it gives a
// connection that its process has closed.
constexpr Duration kRetryMin = 200ms, kRetryMax = 120s, kPatience = 15min, kPatienceClosed = 60s;
// What one event delivers at most, as the real loop does.
constexpr std::size_t kReadBytesMax = 64 << 10;
constexpr std::size_t kHeaderBytes = 60;

std::size_t draw_room(Random& random, std::size_t most) {
  return random.between(std::max<std::size_t>(most / 4, 1), most);
}

// What the process owns of an end.
class WireStream final : public io::Stream {
 public:
  WireStream(std::shared_ptr<WireConnection> connection, std::size_t side)
      : connection_(std::move(connection)), end_(connection_->end(side)) {}
  ~WireStream() override { end_.close(); }
  void start(Handlers handlers) override { end_.start(std::move(handlers)); }
  std::size_t write(std::string_view bytes) override { return end_.write(bytes); }
  std::size_t unacknowledged() override { return end_.unacknowledged(); }
  void pause_reading() override { end_.pause(); }
  void resume_reading() override { end_.resume(); }
  void give_up_unacknowledged_after(Duration limit) override { end_.give_up_after(limit); }
  const std::string& peer() const override { return end_.peer(); }

 private:
  std::shared_ptr<WireConnection> connection_;  // shared with what is under way on it
  WireEnd& end_;
};

}  // namespace

WireEnd::WireEnd(WireConnection& connection, std::size_t side, StreamHost& host, std::string peer)
    : connection_(connection),
      side_(side),
      host_(host),
      address_(host.address()),
      peer_(std::move(peer)),
      send_room_(draw_room(connection.random(), connection.network().quality().room_bytes_max)),
      retry_(kRetryMin),
      receive_room_(draw_room(connection.random(), connection.network().quality().room_bytes_max)) {
}

// --- what the process does

void WireEnd::start(io::Stream::Handlers handlers) {
  handlers_ = std::move(handlers);
  started_ = true;
  post_read();
}

std::size_t WireEnd::write(std::string_view bytes) {
  if (!open_) return bytes.size();
  if (failure_) {
    host_.machine().deliver([keep = connection_.shared_from_this(), this] {
      if (open_) end(*failure_);
    });
    return bytes.size();
  }
  const std::size_t room = send_room_ - std::min(send_room_, queue_.size());
  const std::size_t n = std::min(bytes.size(), room);
  if (!outstanding()) progressed_ = tried_ = connection_.network().world().now();
  queue_ += bytes.substr(0, n);
  if (n < bytes.size()) blocked_ = true;
  pump();
  return n;
}

void WireEnd::resume() {
  paused_ = false;
  post_read();
}

void WireEnd::close() {
  if (!open_) return;
  open_ = false;
  handlers_ = {};
  if (dead_) return;
  if (!inbox_.empty()) {  // RFC 9293 3.10.4: what is lost here is told to who sent it
    transmit({.kind = Segment::Kind::kReset});
    dead_ = true;
    return;
  }
  if (!outstanding()) progressed_ = tried_ = connection_.network().world().now();
  ending_ = true;
  pump();
}

void WireEnd::post_read() {
  if (read_posted_ || !open_ || !started_ || paused_) return;
  if (inbox_.empty() && !end_received_ && !failure_) return;
  read_posted_ = true;
  host_.machine().deliver([keep = connection_.shared_from_this(), this] { read(); });
}

void WireEnd::read() {
  read_posted_ = false;
  if (!open_ || paused_) return;
  if (!inbox_.empty()) return deliver();
  if (failure_) return end(*failure_);
  if (end_received_) end("closed by the other side");
}

void WireEnd::deliver() {
  Random& random = connection_.random();
  std::size_t n = std::min(inbox_.size(), kReadBytesMax);
  if (random.chance(0.2)) n = 1 + random.below(n);
  const std::string bytes = inbox_.substr(0, n);
  inbox_.erase(0, n);
  const bool room_is_news =
      limit_told_ < received_ + receive_room_ / 2 && inbox_.size() <= receive_room_ / 2;
  if (room_is_news && !dead_) acknowledge();
  const auto handler = handlers_.bytes;  // it may close the stream
  if (handler) handler(bytes);
  post_read();
}

void WireEnd::end(const std::string& reason) {
  auto closed = std::move(handlers_.closed);
  close();
  if (closed) closed(reason);
}

// --- what its system does

void WireEnd::die(const std::string& reason) {
  if (dead_) return;
  dead_ = true;
  failure_ = reason;
  queue_.clear();
  post_read();
}

// The first segment from who connects makes the connection for this side.
bool WireEnd::accepted() {
  if (!awaits_accept_at_) return true;
  const std::uint16_t port = *std::exchange(awaits_accept_at_, std::nullopt);
  return host_.accept(port, connection_.stream(side_));
}

void WireEnd::greet() {
  greeting_ = true;
  progressed_ = tried_ = connection_.network().world().now();
  transmit({.kind = Segment::Kind::kProbe});
  arm();
}

void WireEnd::arrive(Segment segment) {
  greeting_ = false;
  if (!dead_ && !accepted()) dead_ = true;
  if (dead_) {
    if (segment.kind != Segment::Kind::kReset) transmit({.kind = Segment::Kind::kReset});
    return;
  }
  if (segment.kind == Segment::Kind::kReset) return die("Connection reset by peer");
  on_acknowledged(segment.acknowledged, segment.limit);
  if (segment.kind != Segment::Kind::kAcknowledgement) take(segment);
  pump();
}

void WireEnd::on_acknowledged(std::uint64_t through, std::uint64_t limit) {
  limit_ = std::max(limit_, limit);
  if (ending_ && through > written()) end_acknowledged_ = true;
  through = std::min(through, written());
  if (through > acknowledged_ || end_acknowledged_) {
    queue_.erase(0, through - acknowledged_);
    acknowledged_ = through;
    progressed_ = tried_ = connection_.network().world().now();
    retry_ = kRetryMin;
  }
  sent_ = std::max(sent_, acknowledged_);
  if (!blocked_ || queue_.size() > send_room_ / 3 * 2) return;
  blocked_ = false;
  host_.machine().deliver([keep = connection_.shared_from_this(), this] {
    const auto writable = handlers_.writable;  // it may close the stream
    if (writable) writable();
  });
}

void WireEnd::take(Segment& segment) {
  const std::uint64_t behind = segment.offset + segment.bytes.size();
  if (segment.offset <= received_ && behind > received_) {
    if (!open_) {  // nobody will read it
      transmit({.kind = Segment::Kind::kReset});
      dead_ = true;
      return;
    }
    const std::string_view fresh =
        std::string_view(segment.bytes).substr(received_ - segment.offset);
    const std::size_t n = std::min(fresh.size(), receive_room_ - inbox_.size());
    inbox_ += fresh.substr(0, n);
    received_ += n;
  }
  if (segment.kind == Segment::Kind::kEnd && segment.offset == received_) end_received_ = true;
  acknowledge();
  post_read();
}

// Sends what the other side has room for.
void WireEnd::pump() {
  while (!dead_ && sent_ < std::min(written(), limit_)) {
    const std::uint64_t n = std::min(
        {written() - sent_, limit_ - sent_,
         connection_.random().between(1, connection_.network().quality().segment_bytes_max)});
    Segment segment{.kind = Segment::Kind::kBytes,
                    .offset = sent_,
                    .bytes = queue_.substr(sent_ - acknowledged_, n)};
    sent_ += n;
    transmit(std::move(segment));
  }
  if (ending_ && !end_sent_ && !dead_ && sent_ == written()) {
    end_sent_ = true;
    transmit({.kind = Segment::Kind::kEnd, .offset = sent_});
  }
  arm();
}

Duration WireEnd::patience() const {
  return open_ ? give_up_.value_or(kPatience) : kPatienceClosed;
}

void WireEnd::arm() {
  if (armed_ || dead_ || !outstanding()) return;
  armed_ = true;
  const Instant due = std::min(tried_ + retry_, progressed_ + patience());
  connection_.network().world().at(due,
                                   [keep = connection_.shared_from_this(), this, alarm = ++alarm_] {
                                     if (alarm != alarm_) return;
                                     armed_ = false;
                                     if (!dead_ && outstanding()) on_timer();
                                   });
}

void WireEnd::on_timer() {
  const Instant now = connection_.network().world().now();
  if (now >= progressed_ + patience()) return die("Connection timed out");
  if (now >= tried_ + retry_) {
    tried_ = now;
    retry_ = std::min(2 * retry_, kRetryMax);
    sent_ = acknowledged_;
    end_sent_ = false;
    if (greeting_ || limit_ <= sent_) transmit({.kind = Segment::Kind::kProbe, .offset = sent_});
  }
  pump();
}

void WireEnd::transmit(Segment segment) {
  segment.acknowledged = received_ + (end_received_ ? 1 : 0);
  segment.limit = limit_told_ = received_ + (receive_room_ - inbox_.size());
  connection_.send(side_, std::move(segment));
}

// --- the connection

WireConnection::WireConnection(StreamHost& client, StreamHost& server, std::uint16_t port)
    : network_(client.network()),
      random_(network_.random().next()),
      client_(*this, 0, client, io::Address{server.address(), port, ""}.text()),
      server_(*this, 1, server,
              io::Address{client.address(), client.number_of_next_port(), ""}.text()) {
  client_.set_limit(server_.room_bytes());
  server_.set_limit(client_.room_bytes());
  server_.await_accept(port);
}

WireConnection::~WireConnection() = default;

std::unique_ptr<io::Stream> WireConnection::stream(std::size_t side) {
  return std::make_unique<WireStream>(shared_from_this(), side);
}

void WireConnection::send(std::size_t side, Segment segment) {
  WireEnd& from = end(side);
  WireEnd& to = end(1 - side);
  if (mute_[side]) return;
  if (segment.kind == Segment::Kind::kBytes) {
    const Fate fate = network_.look(from.host(), to.host(), segment.bytes);
    if (fate == Fate::kVanishes) return;
    if (fate == Fate::kResets) return reset();
  }
  const std::size_t bytes = segment.bytes.size() + kHeaderBytes;
  network_.carry(from.address(), to.address(), bytes, in_order_[side],
                 [keep = shared_from_this(), &to, segment = std::move(segment)](StreamHost& host) {
                   if (&host == &to.host()) to.arrive(segment);
                 });
}

void WireConnection::reset() {
  client_.die("Connection reset by peer");
  server_.die("Connection reset by peer");
}

}  // namespace polis::sim
