#include "json/call.hh"

#include <fmt/format.h>

namespace polis::json {
namespace {

using http::Fields;
using http::GrpcCode;
using http::GrpcStatus;

// As etcd's gateway maps them.
int http_status(int code) {
  switch (code) {
    case 0:
      return 200;
    case 3:
    case 9:
    case 11:
      return 400;
    case 4:
      return 504;
    case 5:
      return 404;
    case 7:
      return 403;
    case 8:
      return 429;
    case 12:
      return 501;
    case 14:
      return 503;
    case 16:
      return 401;
    default:
      return 500;
  }
}

Fields with_cors(Fields fields) {
  fields.insert(fields.end(), cors_fields().begin(), cors_fields().end());
  return fields;
}

}  // namespace

const Fields& cors_fields() {
  static const Fields fields{
      {"access-control-allow-headers", "accept, content-type, authorization"},
      {"access-control-allow-methods", "POST, GET, OPTIONS, PUT, DELETE"},
      {"access-control-allow-origin", "*"}};
  return fields;
}

void respond_with_error(http::Exchange& exchange, const GrpcStatus& status) {
  const std::string body =
      fmt::format(R"({{"code":{}, "message":{}}})", status.code, quoted(status.message));
  const std::string length = std::to_string(body.size());
  Fields fields = with_cors({{"content-type", "application/json"}, {"content-length", length}});
  if (status.code == 16) fields.emplace_back("www-authenticate", status.message);
  exchange.respond(http_status(status.code), fields);
  exchange.write(body);
  exchange.end();
}

const std::string& Call::peer() const {
  static const std::string gone = "(gone)";
  return exchange_ ? exchange_->peer() : gone;
}

void Call::send(std::string_view message) {
  if (!open()) return;
  auto text = from_message(*route_.response, message);
  if (!text) return finish(http::grpc_status(GrpcCode::kInternal, text.error().text));
  const bool first = !std::exchange(responding_, true);
  if (streams()) {
    if (first)
      exchange_->respond(200, with_cors({{"content-type", "application/json"},
                                         {"grpc-metadata-content-type", "application/grpc"}}));
    return exchange_->write_whole("{\"result\":" + *text + "}\n");
  }
  const std::string length = std::to_string(text->size());
  exchange_->respond(200, with_cors({{"content-type", "application/json"},
                                     {"grpc-metadata-content-type", "application/grpc"},
                                     {"content-length", length}}));
  exchange_->write_whole(std::move(*text));
}

// A message in JSON is made whole: its bytes are needed together.
void Call::send_from(std::unique_ptr<http::MessageSource> source) {
  std::string message;
  message.reserve(source->size());
  while (source->read(message, 1 << 20)) {
  }
  send(message);
}

void Call::finish(const GrpcStatus& status) {
  if (!open()) return;
  finished_ = true;
  if (status.ok()) {
    if (!responding_) exchange_->respond(200, with_cors({{"content-type", "application/json"}}));
    return exchange_->end();
  }
  if (!streams()) {
    return responding_ ? exchange_->abort() : respond_with_error(*exchange_, status);
  }
  if (!responding_)
    exchange_->respond(http_status(status.code), with_cors({{"content-type", "application/json"}}));
  exchange_->write(fmt::format("{{\"error\":{{\"code\":{},\"message\":{}}}}}\n", status.code,
                               quoted(status.message)));
  exchange_->end();
}

void Call::on_body(std::string_view bytes) {
  const auto keep = shared_from_this();
  received_ += bytes.size();
  if (streams()) {
    objects_.add(bytes);
    read_objects();
  } else {
    body_ += bytes;
    if (body_.size() > gateway_->limits().body_bytes_max)
      finish(http::grpc_status(GrpcCode::kResourceExhausted,
                               fmt::format("polis: the request is longer than {} bytes",
                                           gateway_->limits().body_bytes_max)));
  }
  if (exchange_ && !full_) exchange_->consumed(std::exchange(received_, 0));
}

void Call::read_objects() {
  full_ = false;
  std::string_view object;
  while (open()) {
    if (queued() >= gateway_->limits().call_queue_bytes && objects_.held() > 0) {
      full_ = true;
      return;
    }
    switch (objects_.next(object)) {
      case ObjectReader::Outcome::kMore:
        return;
      case ObjectReader::Outcome::kObject:
        deliver(object);
        break;
      case ObjectReader::Outcome::kTooLarge:
        return finish(http::grpc_status(GrpcCode::kResourceExhausted,
                                        "polis: an object of the stream is too long"));
      case ObjectReader::Outcome::kNoObject:
        return finish(http::grpc_status(GrpcCode::kInvalidArgument,
                                        "polis: a stream is JSON objects, one behind the other"));
    }
  }
}

void Call::deliver(std::string_view object) {
  auto message = to_message(*route_.request, object);
  if (!message) return finish(http::grpc_status(GrpcCode::kInvalidArgument, message.error().text));
  if (message->size() > gateway_->limits().message_bytes_max) {
    return finish(
        http::grpc_status(GrpcCode::kResourceExhausted,
                          fmt::format("grpc: received message larger than max ({} vs. {})",
                                      message->size(), gateway_->limits().message_bytes_max)));
  }
  if (!streams()) return route_.method->unary(shared_from_this(), *message);
  if (on_message) on_message(*message);
}

void Call::on_request_end() {
  const auto keep = shared_from_this();
  request_complete_ = true;
  if (streams()) return maybe_tell_half_close();
  // Only the first value counts, as in etcd.
  ObjectReader first(gateway_->limits().body_bytes_max);
  first.add(body_);
  std::string_view object;
  const bool found = first.next(object) == ObjectReader::Outcome::kObject;
  deliver(found ? object : std::string_view(body_));
  std::string().swap(body_);
}

void Call::maybe_tell_half_close() {
  if (!request_complete_ || full_ || told_half_close_ || !open()) return;
  told_half_close_ = true;
  if (!objects_.only_blanks_left())
    return finish(http::grpc_status(GrpcCode::kInvalidArgument, "unexpected EOF"));
  if (on_half_close) on_half_close();
}

void Call::on_room() {
  const auto keep = shared_from_this();
  if (full_) {
    read_objects();
    if (exchange_ && !full_) exchange_->consumed(std::exchange(received_, 0));
    maybe_tell_half_close();
  }
  if (open() && on_drained) on_drained();
}

void Call::on_exchange_close() {
  const auto keep = shared_from_this();
  gateway_->deadlines().remove(*this);
  gateway_ = nullptr;
  exchange_ = nullptr;
  auto closed = std::move(on_close);
  on_message = nullptr;
  on_half_close = nullptr;
  on_drained = nullptr;
  on_close = nullptr;
  if (closed) closed();
}

}  // namespace polis::json
