#include "http/h1_connection.hh"

#include <fmt/format.h>

#include "base/check.hh"
#include "http/server_impl.hh"

namespace polis::http {
namespace {

// Mostly enough for the head of an answer.
constexpr std::size_t kHeadBytes = 512;
// Requests of one connection that are begun in one turn.
constexpr int kRequestsPerTurn = 64;
// Bytes that wait while a request is handled; then reading stops.
constexpr std::size_t kWaitingBytesMax = 64 << 10;
// Body bytes that the handler has not consumed; then reading stops.
constexpr std::size_t kUnconsumedBytesMax = 256 << 10;
// Of a body behind an answer: more than this is not read, and the connection ends.
constexpr std::uint64_t kDiscardedBytesMax = 1 << 20;
// Between two requests a client may be silent for this long.
constexpr Duration kIdleMax = std::chrono::seconds(75);
// And within one.
constexpr Duration kSilenceMax = std::chrono::seconds(30);

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 307:
      return "Temporary Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

}  // namespace

// --- H1Exchange

const std::string& H1Exchange::peer() const {
  static const std::string gone = "(gone)";
  return connection_ != nullptr ? connection_->connection().peer() : gone;
}

void H1Exchange::write_head(int status, const Fields& fields, Framing framing) {
  responding_ = true;
  framing_ = framing;
  if (framing == Framing::kUntilClose) keep_alive_ = false;
  head_.reserve(kHeadBytes);
  if (status == 200) {
    head_ += "HTTP/1.1 200 OK\r\n";
  } else {
    fmt::format_to(std::back_inserter(head_), "HTTP/1.1 {} {}\r\n", status, reason_phrase(status));
  }
  for_each_field(fields, [this](std::string_view name, std::string_view value) {
    head_ += name;
    head_ += ": ";
    head_ += value;
    head_ += "\r\n";
  });
  if (framing == Framing::kChunked) head_ += "transfer-encoding: chunked\r\n";
  if (!keep_alive_) {
    head_ += "connection: close\r\n";
  } else if (version_ == Version::kHttp10) {
    head_ += "connection: keep-alive\r\n";
  }
  head_ += "\r\n";
  wake();
}

void H1Exchange::respond(int status, const Fields& fields) {
  if (!open() || responding_) return;
  const bool has_length = has_field(fields, "content-length");
  write_head(status, fields,
             has_length                     ? Framing::kLength
             : version_ == Version::kHttp11 ? Framing::kChunked
                                            : Framing::kUntilClose);
}

void H1Exchange::respond_without_body(int status, const Fields& fields) {
  if (!open() || responding_) return;
  Fields all = fields;
  if (status != 204 && status >= 200) all.emplace_back("content-length", "0");
  write_head(status, all, Framing::kNone);
  ended_ = true;
}

void H1Exchange::write_message(std::string&& bytes) {
  if (framing_ == Framing::kChunked) {
    CHECK(body_empty());
    framing_ = Framing::kMessages;
  }
  if (framing_ == Framing::kMessages && !bytes.empty())
    bytes = fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
  write_whole(std::move(bytes));
}

void H1Exchange::end(const Fields&) {
  if (!open()) return;
  ended_ = true;
  const bool chunked = framing_ == Framing::kChunked || framing_ == Framing::kMessages;
  if (chunked && !head_only_) last_ = "0\r\n\r\n";
  wake();
}

void H1Exchange::abort() {
  if (connection_ == nullptr) return;
  ended_ = true;
  keep_alive_ = false;
  connection_->connection().close_when_sent();
}

void H1Exchange::consumed(std::size_t bytes) {
  if (connection_ != nullptr) connection_->on_consumed(bytes);
}

void H1Exchange::wake() {
  if (connection_ != nullptr) connection_->connection().mark_dirty();
}

void H1Exchange::produce(std::string& out, std::size_t bytes_max) {
  out += std::exchange(head_, {});
  const std::size_t before = queued();
  while (!body_empty() && out.size() < bytes_max) {
    if (framing_ != Framing::kChunked && !head_only_) {
      take_body(out, bytes_max - out.size());
      continue;
    }
    std::string part;
    take_body(part, bytes_max - out.size());
    if (part.empty() || head_only_) continue;
    fmt::format_to(std::back_inserter(out), "{:x}\r\n", part.size());
    out += part;
    out += "\r\n";
  }
  if (body_empty() && ended_) out += std::exchange(last_, {});
  if (has_drained(before, connection_->connection().server().options.call_queue_bytes)) {
    connection_->connection().server().loop.post([self = shared_from_this(), this] {
      if (open() && handler_) handler_->on_room();
    });
  }
}

void H1Exchange::on_body(std::string_view bytes) {
  if (handler_ && !ended_) return handler_->on_body(bytes);
  consumed(bytes.size());
}

void H1Exchange::on_request_end() {
  if (handler_ && !ended_) handler_->on_request_end();
}

void H1Exchange::close() {
  connection_ = nullptr;
  close_handler();
}

// --- H1Connection

H1Connection::H1Connection(Connection& connection)
    : connection_(connection), answered_(connection.server().loop.now()) {}

H1Connection::~H1Connection() {
  if (!exchange_) return;
  --connection_.server().counters.calls_open;
  exchange_->close();
}

bool H1Connection::on_bytes(std::string_view bytes) {
  if (parser_.idle()) head_began_ = connection_.server().loop.now();
  begun_ = 0;
  go_on(bytes);
  return !finished_;
}

// Handles what has arrived, as far as the exchange that is under way allows. `bytes` are new; what
// need not wait of them is not copied.
void H1Connection::go_on(std::string_view bytes) {
  if (stepping_) return;  // a handler answered at once: the loop below sees it
  stepping_ = true;
  const bool at_once = in_at_ == in_.size();
  if (!at_once) in_ += bytes;
  std::string_view rest = at_once ? bytes : std::string_view(in_).substr(in_at_);
  const std::size_t before = rest.size();
  while (!finished_) {
    if (exchange_ && (request_complete_ || unconsumed_ >= kUnconsumedBytesMax)) {
      if (!request_complete_ || !exchange_->complete()) break;
      end_exchange();
      continue;
    }
    if (!exchange_ && draining_) break;
    if (!exchange_ && begun_ >= kRequestsPerTurn) {
      maybe_continue_later();
      break;
    }
    if (!step(rest)) break;
  }
  stepping_ = false;
  if (at_once) {
    in_ = rest;
    in_at_ = 0;
  } else {
    in_at_ += before - rest.size();
  }
  if (in_at_ == in_.size() || in_at_ > kWaitingBytesMax) {
    in_.erase(0, in_at_);
    in_at_ = 0;
  }
  const bool wait = in_.size() - in_at_ >= kWaitingBytesMax;
  if (wait != paused_) {
    paused_ = wait;
    wait ? connection_.pause_reading() : connection_.resume_reading();
  }
  if (draining_ && !exchange_) finished_ = true;
}

void H1Connection::maybe_continue_later() {
  if (std::exchange(continuing_, true)) return;
  connection_.server().loop.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    continuing_ = false;
    begun_ = 0;
    go_on();
    connection_.mark_dirty();
  });
}

// Parses one event. False: there are not enough bytes.
bool H1Connection::step(std::string_view& bytes) {
  switch (parser_.feed(bytes)) {
    case H1Parser::Event::kMore:
      return false;
    case H1Parser::Event::kRequest:
      begin_exchange();
      return true;
    case H1Parser::Event::kBody:
      unconsumed_ += parser_.body().size();
      if (!exchange_->open()) discarded_ += parser_.body().size();
      exchange_->on_body(parser_.body());
      if (discarded_ > kDiscardedBytesMax) finished_ = true;
      return true;
    case H1Parser::Event::kEnd:
      request_complete_ = true;
      exchange_->on_request_end();
      return true;
    case H1Parser::Event::kError:
      refuse(parser_.error_status(), parser_.error_text());
      return false;
  }
  return false;
}

void H1Connection::begin_exchange() {
  const Version version = parser_.version() == 10 ? Version::kHttp10 : Version::kHttp11;
  exchange_ = std::make_shared<H1Exchange>(*this, version, parser_.method() == "HEAD",
                                           parser_.keep_alive() && !draining_);
  ++begun_;
  request_complete_ = false;
  unconsumed_ = 0;
  discarded_ = 0;
  Server::Impl& server = connection_.server();
  ++server.counters.calls_started;
  ++server.counters.calls_open;
  auto keep = exchange_;
  // Absolute form (RFC 9112 3.2.2): the path is what counts here.
  std::string_view target = parser_.target();
  if (target.starts_with("http://") || target.starts_with("https://")) {
    const std::size_t slash = target.find('/', target.find("//") + 2);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  server.router.route(
      exchange_, Request{version, parser_.method(), find_field(parser_.fields(), "host"), target,
                         parser_.fields()});
  // The client waits for this before it sends the body; who has answered already needs none.
  body_is_coming_ = !parser_.expects_continue() || (keep->open() && !keep->responding());
  if (parser_.expects_continue() && body_is_coming_) errors_ += "HTTP/1.1 100 Continue\r\n\r\n";
}

void H1Connection::refuse(int status, const std::string& text) {
  finished_ = true;
  if (exchange_ && exchange_->responding()) return;  // an answer is under way: end it short
  const std::string& date = connection_.server().date;
  errors_ += fmt::format(
      "HTTP/1.1 {} {}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: "
      "{}\r\n{}{}{}connection: close\r\n\r\n{}\n",
      status, reason_phrase(status), text.size() + 1, date.empty() ? "" : "date: ", date,
      date.empty() ? "" : "\r\n", text);
}

void H1Connection::end_exchange() {
  auto ended = std::exchange(exchange_, nullptr);
  answered_ = connection_.server().loop.now();
  --connection_.server().counters.calls_open;
  if (!ended->keep_alive()) finished_ = true;
  ended->close();
}

void H1Connection::on_consumed(std::size_t bytes) {
  unconsumed_ -= std::min(unconsumed_, bytes);
  // While bytes are handled, their own loop sees it.
  if (!stepping_ && unconsumed_ < kUnconsumedBytesMax && in_at_ < in_.size())
    maybe_continue_later();
}

void H1Connection::produce(std::string& out, std::size_t bytes_max) {
  // "100 Continue" comes before its answer, and the refusal of a request behind earlier answers.
  while (out.size() < bytes_max) {
    if (!finished_) out += std::exchange(errors_, {});
    if (!exchange_) break;
    exchange_->produce(out, bytes_max);
    if (!exchange_->complete()) break;
    if (!body_is_coming_) finished_ = true;
    if (!request_complete_) break;
    go_on();
  }
  if (finished_) out += std::exchange(errors_, {});
}

void H1Connection::goaway() {
  draining_ = true;
  if (!exchange_) finished_ = true;
}

bool H1Connection::check(Instant now, Instant heard) {
  const bool waits_for_client = !exchange_ || !request_complete_;
  if (!waits_for_client) return true;
  if (exchange_) return now - heard <= kSilenceMax;
  // However slowly its bytes come, a request's head has a deadline.
  if (!parser_.idle()) return now - head_began_ <= connection_.server().options.preface_timeout;
  return now - std::max(heard, answered_) <= kIdleMax;
}

}  // namespace polis::http
