#include "http/h2_connection.hh"

#include <charconv>
#include <map>

#include "http/request_rules.hh"
#include "http/server_impl.hh"

namespace polis::http {

// --- H2Exchange

const std::string& H2Exchange::peer() const {
  static const std::string gone = "(gone)";
  return connection_ != nullptr ? connection_->connection().peer() : gone;
}

Fields H2Exchange::with_status(int status, const Fields& fields, std::string& text) const {
  text = std::to_string(status);
  Fields all;
  all.reserve(fields.size() + 1);
  all.emplace_back(":status", text);
  for_each_field(fields, [&all](std::string_view name, std::string_view value) {
    all.emplace_back(name, value);
  });
  return all;
}

void H2Exchange::respond(int status, const Fields& fields) {
  if (!open() || responding_) return;
  responding_ = true;
  std::string text;
  connection_->session().respond(stream_, with_status(status, fields, text), this);
  connection_->connection().mark_dirty();
}

void H2Exchange::respond_without_body(int status, const Fields& fields) {
  if (!open() || responding_) return;
  responding_ = ended_ = true;
  std::string text;
  connection_->session().respond(stream_, with_status(status, fields, text), nullptr);
  connection_->connection().mark_dirty();
}

void H2Exchange::end(const Fields& trailers) {
  if (!open()) return;
  ended_ = true;
  if (!trailers.empty()) connection_->session().set_trailers(stream_, trailers);
  wake();
}

void H2Exchange::abort() {
  if (connection_ == nullptr) return;
  ended_ = true;
  connection_->session().reset(stream_, kInternalError);
  connection_->connection().mark_dirty();
}

void H2Exchange::consumed(std::size_t bytes) {
  if (connection_ == nullptr || bytes == 0) return;
  connection_->session().consumed(stream_, bytes);
  connection_->connection().mark_dirty();
}

void H2Exchange::wake() {
  if (connection_ == nullptr) return;
  connection_->session().resume(stream_);
  connection_->connection().mark_dirty();
}

BodySource::State H2Exchange::read(std::string& out, std::size_t bytes_max) {
  const std::size_t before = queued();
  take_body(out, bytes_max);
  if (has_drained(before, connection_->connection().server().options.call_queue_bytes)) {
    // Not from here: the session is in the middle of sending.
    connection_->connection().server().loop.post([self = shared_from_this(), this] {
      if (open() && handler_) handler_->on_room();
    });
  }
  if (!body_empty()) return State::kMore;
  return ended_ ? State::kEnd : State::kWait;
}

void H2Exchange::on_data(std::string_view bytes) {
  if (length_left_ >= 0) {
    length_left_ -= static_cast<std::int64_t>(bytes.size());
    if (length_left_ < 0) return connection_->session().reset(stream_, kProtocolError);
  }
  if (handler_ && !ended_) return handler_->on_body(bytes);
  // Nobody wants it any more: this stream gets no more room, the others do.
  connection_->session().consumed_by_connection(bytes.size());
}

void H2Exchange::on_request_end() {
  if (length_left_ > 0) return connection_->session().reset(stream_, kProtocolError);
  if (handler_ && !ended_) handler_->on_request_end();
}

void H2Exchange::close() {
  connection_ = nullptr;
  close_handler();
}

// --- H2Connection

H2Connection::H2Connection(Connection& connection)
    : connection_(connection),
      session_(Session::Role::kServer, connection.server().options.session, *this) {}

H2Connection::~H2Connection() {
  std::map<StreamId, std::shared_ptr<H2Exchange>> exchanges(exchanges_.begin(), exchanges_.end());
  exchanges_.clear();
  connection_.server().counters.calls_open -= exchanges.size();
  for (auto& [stream, exchange] : exchanges) exchange->close();
}

bool H2Connection::on_bytes(std::string_view bytes) {
  pinged_ = false;
  return session_.feed(bytes, connection_.server().loop.now());
}

void H2Connection::produce(std::string& out, std::size_t) { session_.drain(out); }

bool H2Connection::check(Instant now, Instant heard) {
  const ServerOptions& options = connection_.server().options;
  if (pinged_) return now - heard <= options.keepalive_interval + options.keepalive_timeout;
  if (now - heard > options.keepalive_interval) {
    pinged_ = true;
    session_.ping();
    connection_.mark_dirty();
  }
  return true;
}

void H2Connection::on_headers(StreamId stream, const Headers& headers, bool trailers) {
  if (trailers) {
    if (!are_trailers(headers)) session_.reset(stream, kProtocolError);
    return;
  }
  auto head = parse_request_head(headers);
  if (!head) return session_.reset(stream, kProtocolError);
  if (exchanges_.size() >= connection_.server().options.streams_max)
    return session_.reset(stream, kRefusedStream);
  auto exchange = std::make_shared<H2Exchange>(*this, stream);
  if (auto length = find_field(head->fields, "content-length"); !length.empty()) {
    std::uint64_t bytes = 0;
    auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bytes);
    if (error != std::errc() || end != length.data() + length.size() || bytes >> 62 != 0)
      return session_.reset(stream, kProtocolError);
    exchange->expect_length(bytes);
  }
  ServerCounters& counters = connection_.server().counters;
  ++counters.calls_started;
  ++counters.calls_open;
  exchanges_[stream] = exchange;
  connection_.server().router.route(exchange, Request{Version::kHttp2, head->method,
                                                      head->authority, head->target, head->fields});
}

void H2Connection::on_data(StreamId stream, std::string_view bytes) {
  auto found = exchanges_.find(stream);
  if (found == exchanges_.end()) return session_.consumed(stream, bytes.size());
  auto keep = found->second;
  keep->on_data(bytes);
}

void H2Connection::on_end(StreamId stream) {
  auto found = exchanges_.find(stream);
  if (found == exchanges_.end()) return;
  auto keep = found->second;
  keep->on_request_end();
}

void H2Connection::on_close(StreamId stream, std::uint32_t) {
  auto found = exchanges_.find(stream);
  if (found == exchanges_.end()) return;
  auto exchange = std::move(found->second);
  exchanges_.erase(found);
  --connection_.server().counters.calls_open;
  exchange->close();
}

}  // namespace polis::http
