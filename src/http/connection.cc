#include "http/connection.hh"

#include "http/h1_connection.hh"
#include "http/h2_connection.hh"
#include "http/server_impl.hh"

namespace polis::http {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
// A buffer that was larger than this is given back when it is empty.
constexpr std::size_t kOutBytesKept = 256 << 10;

}  // namespace

Connection::Connection(Server::Impl& server, std::uint64_t id, std::unique_ptr<io::Stream> stream)
    : server_(server),
      id_(id),
      stream_(std::move(stream)),
      heard_(server.loop.now()),
      progressed_(heard_) {}

Connection::~Connection() = default;

void Connection::start() {
  stream_->start({[this](std::string_view bytes) { on_bytes(bytes); },
                  [this](const std::string&) {
                    server_.calls.moment = server_.loop.now();
                    close_later();
                  },
                  [this] {
                    blocked_ = false;
                    mark_dirty();
                  }});
}

void Connection::mark_dirty() {
  if (dirty_ || closing_) return;
  dirty_ = true;
  server_.dirty.push_back(id_);
}

void Connection::close_later() {
  if (closing_) return;
  closing_ = true;
  server_.remove(id_);
}

void Connection::close_when_sent() {
  close_when_sent_ = true;
  mark_dirty();
}

void Connection::on_bytes(std::string_view bytes) {
  if (closing_ || close_when_sent_) return;
  heard_ = server_.calls.moment = server_.loop.now();
  server_.counters.bytes_received += bytes.size();
  if (protocol_) return feed(bytes);
  first_bytes_ += bytes;
  const std::size_t compared = std::min(first_bytes_.size(), kPreface.size());
  if (std::string_view(first_bytes_).substr(0, compared) != kPreface.substr(0, compared)) {
    protocol_ = std::make_unique<H1Connection>(*this);
  } else if (first_bytes_.size() < kPreface.size()) {
    return;
  } else {
    protocol_ = std::make_unique<H2Connection>(*this);
  }
  if (server_.draining) protocol_->goaway();
  const std::string all = std::move(first_bytes_);
  feed(all);
}

void Connection::feed(std::string_view bytes) {
  if (!protocol_->on_bytes(bytes)) close_when_sent_ = true;
  mark_dirty();
}

void Connection::flush() {
  dirty_ = false;
  if (closing_ || blocked_) return;
  server_.calls.moment = server_.loop.now();
  while (true) {
    if (out_at_ == out_.size()) {
      out_.clear();
      out_at_ = 0;
      if (protocol_) protocol_->produce(out_, server_.options.session.output_bytes_max);
      if (out_.empty()) break;
    }
    const std::size_t n = stream_->write(std::string_view(out_).substr(out_at_));
    if (n > 0) progressed_ = server_.calls.moment;
    server_.counters.bytes_sent += n;
    if (protocol_) protocol_->on_sent(n);
    out_at_ += n;
    if (out_at_ < out_.size()) {
      blocked_ = true;  // goes on when the socket has room
      return;
    }
  }
  if (out_.capacity() > kOutBytesKept) std::string().swap(out_);
  if (close_when_sent_ || (protocol_ && protocol_->finished())) close_later();
}

void Connection::goaway() {
  if (protocol_) {
    protocol_->goaway();
  } else {
    close_when_sent_ = true;
  }
  mark_dirty();
}

void Connection::check(Instant now) {
  const ServerOptions& options = server_.options;
  const bool never_reads = blocked_ && now - progressed_ > options.keepalive_timeout;
  const bool silent =
      protocol_ ? !protocol_->check(now, heard_) : now - heard_ > options.preface_timeout;
  if (never_reads || silent) close_later();
}

}  // namespace polis::http
