#include "json/call.hh"

#include <fmt/format.h>

#include "json/text.hh"

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

}  // namespace

void respond_with_error(http::Exchange& exchange, const GrpcStatus& status) {
  const std::string body =
      fmt::format(R"({{"code":{}, "message":{}}})", status.code, quoted(status.message));
  const std::string length = std::to_string(body.size());
  Fields fields{{"content-type", "application/json"}, {"content-length", length}};
  if (status.code == 16) fields.emplace_back("www-authenticate", status.message);
  exchange.respond(http_status(status.code), fields);
  exchange.write(body);
  exchange.end();
}

void Call::send(std::string_view message) {
  if (!open()) return;
  std::string text;
  // Half as long again for base64, or the names of many small fields.
  text.reserve(message.size() + message.size() / 2 + 256);
  if (streams()) text += "{\"result\":";
  if (auto printed = from_message(response_, message, text); !printed)
    return finish(http::grpc_status(GrpcCode::kInternal, printed.error().text));
  count_sent(message.size());
  const bool first = !std::exchange(responding_, true);
  if (streams()) {
    if (first)
      exchange_->respond(200, {{"content-type", "application/json"},
                               {"grpc-metadata-content-type", "application/grpc"}});
    text += "}\n";
    return exchange_->write_message(std::move(text));
  }
  const std::string length = std::to_string(text.size());
  exchange_->respond(200, {{"content-type", "application/json"},
                           {"grpc-metadata-content-type", "application/grpc"},
                           {"content-length", length}});
  exchange_->write_whole(std::move(text));
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
  if (!begin_finish(status.code)) return;
  if (status.ok()) {
    if (!responding_) exchange_->respond(200, {{"content-type", "application/json"}});
    return exchange_->end();
  }
  if (!streams()) {
    return responding_ ? exchange_->abort() : respond_with_error(*exchange_, status);
  }
  if (!responding_)
    exchange_->respond(http_status(status.code), {{"content-type", "application/json"}});
  exchange_->write_message(fmt::format("{{\"error\":{{\"code\":{},\"message\":{}}}}}\n",
                                       status.code, quoted(status.message)));
  exchange_->end();
}

bool Call::next(std::string_view& message) {
  std::string_view object;
  switch (objects_.next(object)) {
    case ObjectReader::Outcome::kMore:
      return false;
    case ObjectReader::Outcome::kObject:
      if (!translate(object, Rest::kRefused)) return false;
      message = message_;
      return true;
    case ObjectReader::Outcome::kTooLarge:
      finish(http::grpc_status(GrpcCode::kResourceExhausted,
                               "polis: an object of the stream is too long"));
      return false;
    case ObjectReader::Outcome::kNoObject:
      finish(http::grpc_status(GrpcCode::kInvalidArgument,
                               "polis: a stream is JSON objects, one behind the other"));
      return false;
  }
  return false;
}

// The object as message_. False: it is none, and the client was told.
bool Call::translate(std::string_view object, Rest rest) {
  message_.clear();
  if (auto read = to_message(request_, object, message_, rest); !read) {
    finish(http::grpc_status(GrpcCode::kInvalidArgument, read.error().text));
    return false;
  }
  if (message_.size() > limits_.message_bytes_max) {
    finish(http::grpc_status(GrpcCode::kResourceExhausted,
                             fmt::format("grpc: received message larger than max ({} vs. {})",
                                         message_.size(), limits_.message_bytes_max)));
    return false;
  }
  return true;
}

void Call::on_unary_bytes() {
  if (objects_.held() > limits_.body_bytes_max)
    finish(http::grpc_status(
        GrpcCode::kResourceExhausted,
        fmt::format("polis: the request is longer than {} bytes", limits_.body_bytes_max)));
}

// Only the first value counts, as in etcd.
void Call::on_unary_end() {
  if (!translate(objects_.all(), Rest::kIgnored)) return;
  count_received(message_.size());
  method_.unary(shared_from_this(), message_);
}

void Call::on_stream_end() {
  if (!objects_.only_blanks_left())
    finish(http::grpc_status(GrpcCode::kInvalidArgument, "unexpected EOF"));
}

}  // namespace polis::json
