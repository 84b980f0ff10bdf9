#include "http/server_connection.hh"

#include <fmt/format.h>

namespace polis::http {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kHttp1RequestMax = 8 << 10;
constexpr std::size_t kQueueCompactBytes = 64 << 10;

std::string_view find(const Headers& headers, std::string_view name) {
  for (const auto& [n, value] : headers) {
    if (n == name) return value;
  }
  return {};
}

}  // namespace

// --- Call
// ----------------------------------------------------------------------------------------------------------

const std::string& Call::peer() const {
  static const std::string gone = "(gone)";
  return connection_ != nullptr ? connection_->peer() : gone;
}

void Call::start_response() {
  if (responding_ || connection_ == nullptr) return;
  responding_ = true;
  connection_->session()->respond(stream_,
                                  {{":status", "200"}, {"content-type", "application/grpc"}}, this);
}

void Call::wake() {
  if (connection_ == nullptr) return;
  connection_->session()->resume(stream_);
  connection_->mark_dirty();
}

void Call::send(std::string_view message) {
  if (!open()) return;
  append_grpc_prefix(queue_, message.size());
  queue_ += message;
  start_response();
  wake();
}

void Call::send_from(std::unique_ptr<MessageSource> source) {
  if (!open()) return;
  append_grpc_prefix(queue_, source->size());
  source_ = std::move(source);
  start_response();
  wake();
}

void Call::finish(const GrpcStatus& status) {
  if (!open()) return;
  finished_ = true;
  status_ = status;
  std::string code = std::to_string(status.code), message = percent_encode(status.message);
  Headers end{{"grpc-status", code}};
  if (!message.empty()) end.emplace_back("grpc-message", message);
  if (!responding_) {
    end.insert(end.begin(), {{":status", "200"}, {"content-type", "application/grpc"}});
    responding_ = true;
    connection_->session()->respond(stream_, end, nullptr);
    connection_->mark_dirty();
    return;
  }
  connection_->session()->set_trailers(stream_, end);
  wake();
}

BodySource::State Call::read(std::string& out, std::size_t bytes_max) {
  const std::size_t before = queued();
  if (queued() == 0 && source_) {
    queue_.clear();
    queue_at_ = 0;
    if (!source_->read(queue_, std::max(bytes_max, kQueueCompactBytes))) source_.reset();
  }
  std::size_t n = std::min(bytes_max, queued());
  out.append(queue_, queue_at_, n);
  queue_at_ += n;
  if (queue_at_ == queue_.size()) {
    queue_.clear();
    queue_at_ = 0;
  } else if (queue_at_ > kQueueCompactBytes) {
    queue_.erase(0, queue_at_);
    queue_at_ = 0;
  }
  const std::size_t half = connection_->server().options.call_queue_bytes / 2;
  if (on_drained && before >= half && queued() < half) {
    // Not from here: the session is in the middle of sending.
    connection_->server().reactor.post([self = shared_from_this()] {
      if (self->open() && self->on_drained) self->on_drained();
    });
  }
  if (queued() > 0 || source_) return State::kMore;
  return finished_ ? State::kEnd : State::kWait;
}

void Call::on_bytes(std::string_view bytes) {
  if (finished_) return;
  reader_.add(bytes);
  if (method_->stream) deliver();
}

void Call::deliver() {
  auto keep = shared_from_this();
  std::string_view message;
  while (open()) {
    switch (reader_.next(message)) {
      case GrpcReader::Outcome::kMore:
        return;
      case GrpcReader::Outcome::kTooLarge:
        return finish(grpc_status(GrpcCode::kResourceExhausted,
                                  "polis: request message is larger than the server accepts"));
      case GrpcReader::Outcome::kCompressed:
        return finish(
            grpc_status(GrpcCode::kUnimplemented,
                        "polis: compressed messages are not supported; send them uncompressed"));
      case GrpcReader::Outcome::kMessage:
        break;
    }
    if (method_->stream) {
      if (on_message) on_message(message);
      continue;
    }
    if (delivered_) return;
    delivered_ = true;
    method_->unary(keep, message);
  }
}

void Call::on_end() {
  ended_ = true;
  if (finished_) return;
  if (method_->unary) {
    deliver();
    if (!delivered_ && open())
      finish(grpc_status(GrpcCode::kInternal,
                         "polis: the request ended before its message was complete"));
    return;
  }
  auto keep = shared_from_this();
  if (on_half_close) on_half_close();
}

void Call::close() {
  if (connection_ == nullptr) return;
  connection_ = nullptr;
  source_.reset();
  auto closed = std::move(on_close);
  on_message = nullptr;
  on_half_close = nullptr;
  on_drained = nullptr;
  on_close = nullptr;
  if (closed) closed();
}

// --- Connection
// ----------------------------------------------------------------------------------------------------

Connection::Connection(Server::Impl& server, std::uint64_t id,
                       std::unique_ptr<io::TcpStream> stream)
    : server_(server),
      id_(id),
      stream_(std::move(stream)),
      heard_(server.reactor.now()),
      progressed_(heard_) {}

Connection::~Connection() {
  auto calls = std::move(calls_);
  for (auto& [stream, call] : calls) call->close();
  server_.counters.calls_open -= calls.size();
}

void Connection::start() {
  stream_->start({[this](std::string_view bytes) { on_bytes(bytes); },
                  [this](const std::string&) { close_later(); },
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

void Connection::on_bytes(std::string_view bytes) {
  if (closing_ || close_when_sent_) return;
  heard_ = server_.reactor.now();
  pinged_ = false;
  server_.counters.bytes_received += bytes.size();
  if (speaks_ == Speaks::kHttp2) {
    if (!session_->feed(bytes)) close_when_sent_ = true;
    mark_dirty();
    return;
  }
  first_bytes_ += bytes;
  if (speaks_ == Speaks::kHttp1) return speak_http1();
  std::size_t compared = std::min(first_bytes_.size(), kPreface.size());
  if (std::string_view(first_bytes_).substr(0, compared) != kPreface.substr(0, compared)) {
    speaks_ = Speaks::kHttp1;
    return speak_http1();
  }
  if (first_bytes_.size() < kPreface.size()) return;
  speaks_ = Speaks::kHttp2;
  session_ = std::make_unique<Session>(Session::Role::kServer, server_.options.session, *this);
  if (server_.draining) session_->goaway();
  std::string all = std::move(first_bytes_);
  if (!session_->feed(all)) close_when_sent_ = true;
  mark_dirty();
}

void Connection::speak_http1() {
  if (http1_busy_) {
    if (first_bytes_.size() > 4 * kHttp1RequestMax) close_later();
    return;
  }
  std::size_t end = first_bytes_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (first_bytes_.size() > kHttp1RequestMax)
      respond_http1({431, {}, "request header is too large\n"}, false);
    return;
  }
  std::string head = first_bytes_.substr(0, end);
  first_bytes_.erase(0, end + 4);
  std::string_view line = std::string_view(head).substr(0, head.find("\r\n"));
  std::size_t first = line.find(' '), second = line.rfind(' ');
  if (first == std::string_view::npos || second == first ||
      !line.substr(second + 1).starts_with("HTTP/1.")) {
    return respond_http1(
        {400, {}, "this port speaks gRPC over HTTP/2, and HTTP/1.1 for /health and /metrics\n"},
        false);
  }
  const std::string method(line.substr(0, first));
  std::string path(line.substr(first + 1, second - first - 1));
  const bool version_1_1 = line.ends_with("1.1");
  std::transform(head.begin(), head.end(), head.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool keep =
      version_1_1 && head.find("\r\nconnection: close") == std::string::npos && !server_.draining;
  if (method != "GET" && method != "HEAD")
    return respond_http1({405, {}, "only GET is served here\n"}, false);
  if (!server_.http) return respond_http1({404, {}, "not found\n"}, keep);
  http1_busy_ = true;
  server_.http(path, [this, keep, alive = std::weak_ptr(alive_)](HttpResponse response) {
    if (!alive.expired()) respond_http1(response, keep);
  });
}

void Connection::respond_http1(const HttpResponse& response, bool keep) {
  http1_busy_ = false;
  const char* reason = response.status == 200   ? "OK"
                       : response.status == 503 ? "Service Unavailable"
                                                : "Error";
  out_ += fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {}\r\n\r\n",
      response.status, reason, response.content_type.empty() ? "text/plain" : response.content_type,
      response.body.size(), keep ? "keep-alive" : "close");
  out_ += response.body;
  if (!keep) close_when_sent_ = true;
  mark_dirty();
  if (keep && !first_bytes_.empty()) speak_http1();
}

void Connection::flush() {
  dirty_ = false;
  if (closing_ || blocked_) return;
  while (true) {
    if (out_at_ == out_.size()) {
      out_.clear();
      out_at_ = 0;
      if (session_) session_->drain(out_);
      if (out_.empty()) break;
    }
    std::size_t n = stream_->write(std::string_view(out_).substr(out_at_));
    if (n > 0) progressed_ = server_.reactor.now();
    server_.counters.bytes_sent += n;
    out_at_ += n;
    if (out_at_ < out_.size()) {
      blocked_ = true;  // goes on when the socket has room
      return;
    }
  }
  if (out_.capacity() > (1 << 18)) std::string().swap(out_);
  if (close_when_sent_ || (session_ && session_->finished())) close_later();
}

void Connection::goaway() {
  if (session_) session_->goaway();
  if (speaks_ == Speaks::kHttp1 && !http1_busy_) close_when_sent_ = true;
  if (speaks_ == Speaks::kUnknown) close_when_sent_ = true;
  mark_dirty();
}

void Connection::check(Instant now) {
  const ServerOptions& options = server_.options;
  if (blocked_ && now - progressed_ > options.keepalive_timeout)
    return close_later();  // it never reads
  if (speaks_ != Speaks::kHttp2) {
    if (!http1_busy_ && now - heard_ > options.preface_timeout) close_later();
    return;
  }
  if (pinged_ && now - heard_ > options.keepalive_interval + options.keepalive_timeout)
    return close_later();
  if (!pinged_ && now - heard_ > options.keepalive_interval) {
    pinged_ = true;
    session_->ping();
    mark_dirty();
  }
}

void Connection::watch_deadline(Call& call) { with_deadline_.insert(call.stream()); }

void Connection::check_deadlines(Instant now) {
  for (auto i = with_deadline_.begin(); i != with_deadline_.end();) {
    auto call = calls_.find(*i);
    if (call == calls_.end()) {
      i = with_deadline_.erase(i);
      continue;
    }
    if (now >= call->second->deadline)
      call->second->finish(grpc_status(GrpcCode::kDeadlineExceeded, "context deadline exceeded"));
    ++i;
  }
}

void Connection::refuse(StreamId stream, const GrpcStatus& status) {
  std::string code = std::to_string(status.code), message = percent_encode(status.message);
  session_->respond(stream,
                    {{":status", "200"},
                     {"content-type", "application/grpc"},
                     {"grpc-status", code},
                     {"grpc-message", message}},
                    nullptr);
}

void Connection::on_headers(StreamId stream, const Headers& headers, bool trailers) {
  if (trailers) return;
  std::string_view type = find(headers, "content-type");
  if (find(headers, ":method") != "POST" || !type.starts_with("application/grpc")) {
    std::string text = "415";
    session_->respond(stream, {{":status", text}}, nullptr);
    return;
  }
  std::string path(find(headers, ":path"));
  auto method = server_.methods.find(path);
  if (method == server_.methods.end()) {
    return refuse(stream,
                  grpc_status(GrpcCode::kUnimplemented, fmt::format("unknown method {}", path)));
  }
  if (server_.draining)
    return refuse(stream, grpc_status(GrpcCode::kUnavailable, "etcdserver: server stopped"));
  auto call =
      std::make_shared<Call>(*this, stream, &method->second, server_.options.message_bytes_max);
  if (auto timeout = find(headers, "grpc-timeout"); !timeout.empty()) {
    auto length = parse_grpc_timeout(timeout);
    if (!length)
      return refuse(stream,
                    grpc_status(GrpcCode::kInvalidArgument, "polis: malformed grpc-timeout"));
    // Never beyond what an Instant holds.
    call->deadline =
        server_.reactor.now() + std::min<Duration>(*length, std::chrono::hours(24 * 365));
    watch_deadline(*call);
  }
  ++server_.counters.calls_started;
  ++server_.counters.calls_open;
  calls_[stream] = call;
  if (method->second.stream) method->second.stream(call);
}

void Connection::on_data(StreamId stream, std::string_view bytes) {
  session_->consumed(stream, bytes.size());
  auto call = calls_.find(stream);
  if (call == calls_.end()) return;
  auto keep = call->second;
  keep->on_bytes(bytes);
}

void Connection::on_end(StreamId stream) {
  auto call = calls_.find(stream);
  if (call == calls_.end()) return;
  auto keep = call->second;
  keep->on_end();
}

void Connection::on_close(StreamId stream, std::uint32_t) {
  auto found = calls_.find(stream);
  if (found == calls_.end()) return;
  auto call = std::move(found->second);
  calls_.erase(found);
  with_deadline_.erase(stream);
  --server_.counters.calls_open;
  call->close();
}

}  // namespace polis::http
