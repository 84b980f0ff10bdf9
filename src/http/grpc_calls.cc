#include "http/grpc_calls.hh"

#include <fmt/format.h>

#include <algorithm>

namespace polis::http {
namespace {

// Never beyond what an Instant holds.
constexpr Duration kTimeoutMax = std::chrono::hours(24 * 365);

const Fields& response_fields() {
  static const Fields fields{{"content-type", "application/grpc"},
                             {"grpc-accept-encoding", "identity,gzip"}};
  return fields;
}

// The whole answer is a status.
void refuse(Exchange& exchange, const GrpcStatus& status) {
  const std::string code = std::to_string(status.code), message = percent_encode(status.message);
  Fields fields{{"content-type", "application/grpc"}, {"grpc-status", code}};
  if (!message.empty()) fields.emplace_back("grpc-message", message);
  exchange.respond_without_body(200, fields);
}

}  // namespace

// --- GrpcCall

void GrpcCall::start_response() {
  if (!std::exchange(responding_, true)) exchange_->respond(200, response_fields());
}

void GrpcCall::write_prefix(std::uint64_t length) {
  std::string prefix;
  append_grpc_prefix(prefix, length);
  exchange_->write(prefix);
}

void GrpcCall::send(std::string_view message) {
  if (!open()) return;
  count_sent(message.size());
  start_response();
  write_prefix(message.size());
  exchange_->write(message);
}

void GrpcCall::send_from(std::unique_ptr<MessageSource> source) {
  if (!open()) return;
  count_sent(source->size());
  start_response();
  write_prefix(source->size());
  exchange_->write_from(std::move(source));
}

void GrpcCall::finish(const GrpcStatus& status) {
  if (!begin_finish(status.code)) return;
  if (!responding_) return refuse(*exchange_, status);
  const std::string code = std::to_string(status.code), message = percent_encode(status.message);
  Fields trailers{{"grpc-status", code}};
  if (!message.empty()) trailers.emplace_back("grpc-message", message);
  exchange_->end(trailers);
}

void GrpcCall::refuse_message(GrpcReader::Outcome outcome) {
  switch (outcome) {
    case GrpcReader::Outcome::kTooLarge:
      return finish(grpc_status(
          GrpcCode::kResourceExhausted,
          fmt::format("polis: request message is larger than the server accepts ({} bytes)",
                      message_bytes_max_)));
    case GrpcReader::Outcome::kCompressed:
      return finish(grpc_status(GrpcCode::kInternal,
                                "polis: a message is marked as compressed, and the call has no "
                                "grpc-encoding"));
    case GrpcReader::Outcome::kCorrupt:
      return finish(
          grpc_status(GrpcCode::kInternal, "polis: a message cannot be decompressed with gzip"));
    case GrpcReader::Outcome::kMore:
    case GrpcReader::Outcome::kMessage:
      return;
  }
}

// The handler is called when the request is complete; what is wrong is told at once.
void GrpcCall::on_unary_bytes() {
  const GrpcReader::Outcome outcome = reader_.peek();
  if (outcome == GrpcReader::Outcome::kMessage && reader_.held_behind_first() > 0)
    return finish(
        grpc_status(GrpcCode::kInternal, "polis: a unary call has one message, and this one more"));
  refuse_message(outcome);
}

bool GrpcCall::next(std::string_view& message) {
  const GrpcReader::Outcome outcome = reader_.next(message);
  refuse_message(outcome);
  return outcome == GrpcReader::Outcome::kMessage;
}

void GrpcCall::on_unary_end() {
  std::string_view message;
  const GrpcReader::Outcome outcome = reader_.next(message);
  if (outcome == GrpcReader::Outcome::kMessage) {
    count_received(message.size());
    method_.unary(shared_from_this(), message);
  } else if (outcome == GrpcReader::Outcome::kMore) {
    finish(grpc_status(GrpcCode::kInternal,
                       "polis: the request ended before its message was complete"));
  } else {
    refuse_message(outcome);
  }
}

// --- GrpcCalls

void GrpcCalls::begin(const ExchangePtr& exchange, const Request& request) {
  if (request.method != "POST") return exchange->respond_without_body(405, {{"allow", "POST"}});
  const std::string_view path = request.path();
  const Method* method = methods_.find(path);
  if (method == nullptr)
    return refuse(*exchange,
                  grpc_status(GrpcCode::kUnimplemented, fmt::format("unknown method {}", path)));
  if (draining_)
    return refuse(*exchange, grpc_status(GrpcCode::kUnavailable, "etcdserver: server stopped"));
  const std::string_view encoding = find_field(request.fields, "grpc-encoding");
  if (!encoding.empty() && encoding != "identity" && encoding != "gzip")
    return refuse(*exchange,
                  grpc_status(GrpcCode::kUnimplemented,
                              fmt::format("polis: grpc-encoding {} is not known here; identity and "
                                          "gzip are",
                                          encoding)));
  auto call = std::make_shared<GrpcCall>(
      shared_, exchange, *method,
      GrpcReader(message_bytes_max_,
                 encoding == "gzip" ? GrpcEncoding::kGzip : GrpcEncoding::kIdentity),
      message_bytes_max_);
  if (auto timeout = find_field(request.fields, "grpc-timeout"); !timeout.empty()) {
    auto length = parse_grpc_timeout(timeout);
    if (!length)
      return refuse(*exchange,
                    grpc_status(GrpcCode::kInvalidArgument, "polis: malformed grpc-timeout"));
    shared_.deadlines.add(*call, shared_.moment + std::min<Duration>(*length, kTimeoutMax));
  }
  exchange->set_handler(call);
  if (auto refusal = methods_.intercept(call, request.fields)) return call->finish(*refusal);
  if (method->stream) method->stream(call);
}

}  // namespace polis::http
