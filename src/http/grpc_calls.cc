#include "http/grpc_calls.hh"

#include <fmt/format.h>

#include <algorithm>

namespace polis::http {
namespace {

// Calls that hold less are not counted: they cost no more than their stream does.
constexpr std::size_t kHeldCountedMin = 16 << 10;
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

const std::string& GrpcCall::peer() const {
  static const std::string gone = "(gone)";
  return exchange_ ? exchange_->peer() : gone;
}

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
  start_response();
  write_prefix(message.size());
  exchange_->write(message);
}

void GrpcCall::send_from(std::unique_ptr<MessageSource> source) {
  if (!open()) return;
  start_response();
  write_prefix(source->size());
  exchange_->write_from(std::move(source));
}

void GrpcCall::finish(const GrpcStatus& status) {
  if (!open()) return;
  finished_ = true;
  reader_.clear();
  count_held();
  if (!responding_) return refuse(*exchange_, status);
  const std::string code = std::to_string(status.code), message = percent_encode(status.message);
  Fields trailers{{"grpc-status", code}};
  if (!message.empty()) trailers.emplace_back("grpc-message", message);
  exchange_->end(trailers);
}

void GrpcCall::count_held() {
  const std::size_t now = reader_.held() >= kHeldCountedMin ? reader_.held() : 0;
  const std::size_t before = std::exchange(held_, now);
  if (before != now && calls_ != nullptr) calls_->on_held(*this, before, now);
}

void GrpcCall::refuse_message(GrpcReader::Outcome outcome) {
  switch (outcome) {
    case GrpcReader::Outcome::kTooLarge:
      return finish(grpc_status(
          GrpcCode::kResourceExhausted,
          fmt::format("polis: request message is larger than the server accepts ({} bytes)",
                      calls_->limits().message_bytes_max)));
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

void GrpcCall::on_body(std::string_view bytes) {
  const auto keep = shared_from_this();
  reader_.add(bytes);
  received_ += bytes.size();
  method_->unary ? read_unary() : read_stream();
  count_held();
  if (exchange_ && !full_) exchange_->consumed(std::exchange(received_, 0));
}

// The handler is called when the request is complete; what is wrong is told at once.
void GrpcCall::read_unary() {
  const GrpcReader::Outcome outcome = reader_.peek();
  if (outcome == GrpcReader::Outcome::kMessage && reader_.held_behind_first() > 0)
    return finish(
        grpc_status(GrpcCode::kInternal, "polis: a unary call has one message, and this one more"));
  refuse_message(outcome);
}

void GrpcCall::read_stream() {
  std::string_view message;
  full_ = false;
  while (open()) {
    if (queued() >= calls_->limits().call_queue_bytes && !reader_.empty()) {
      full_ = true;
      return;
    }
    const GrpcReader::Outcome outcome = reader_.next(message);
    if (outcome == GrpcReader::Outcome::kMore) return;
    if (outcome != GrpcReader::Outcome::kMessage) return refuse_message(outcome);
    if (on_message) on_message(message);
  }
}

void GrpcCall::on_request_end() {
  const auto keep = shared_from_this();
  request_complete_ = true;
  if (!method_->unary) return maybe_tell_half_close();
  // The message is valid while its handler runs, whatever that does to the call.
  GrpcReader reader = std::move(reader_);
  reader_.clear();
  count_held();
  std::string_view message;
  const GrpcReader::Outcome outcome = reader.next(message);
  if (outcome == GrpcReader::Outcome::kMessage) {
    method_->unary(keep, message);
  } else if (outcome == GrpcReader::Outcome::kMore) {
    finish(grpc_status(GrpcCode::kInternal,
                       "polis: the request ended before its message was complete"));
  } else {
    refuse_message(outcome);
  }
}

void GrpcCall::maybe_tell_half_close() {
  if (!request_complete_ || full_ || told_half_close_ || !open()) return;
  told_half_close_ = true;
  if (on_half_close) on_half_close();
}

void GrpcCall::on_room() {
  const auto keep = shared_from_this();
  if (full_) {
    read_stream();
    count_held();
    if (exchange_ && !full_) exchange_->consumed(std::exchange(received_, 0));
    maybe_tell_half_close();
  }
  if (open() && on_drained) on_drained();
}

void GrpcCall::on_exchange_close() {
  const auto keep = shared_from_this();
  calls_->forget(*this);
  calls_ = nullptr;
  exchange_ = nullptr;
  auto closed = std::move(on_close);
  on_message = nullptr;
  on_half_close = nullptr;
  on_drained = nullptr;
  on_close = nullptr;
  if (closed) closed();
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
      *this, exchange, *method,
      GrpcReader(limits_.message_bytes_max,
                 encoding == "gzip" ? GrpcEncoding::kGzip : GrpcEncoding::kIdentity));
  if (auto timeout = find_field(request.fields, "grpc-timeout"); !timeout.empty()) {
    auto length = parse_grpc_timeout(timeout);
    if (!length)
      return refuse(*exchange,
                    grpc_status(GrpcCode::kInvalidArgument, "polis: malformed grpc-timeout"));
    deadlines_.add(*call, loop_.now() + std::min<Duration>(*length, kTimeoutMax));
  }
  exchange->set_handler(call);
  if (auto refusal = methods_.intercept(call, request.fields)) return call->finish(*refusal);
  if (method->stream) method->stream(call);
}

void GrpcCalls::on_held(GrpcCall& call, std::size_t before, std::size_t now) {
  held_ += now;
  held_ -= before;
  if (now == 0) {
    holding_.erase(&call);
    return;
  }
  if (before == 0) holding_.insert(&call);
  if (now > before && held_ > limits_.request_bytes_max) end_largest();
}

void GrpcCalls::end_largest() {
  const auto largest =
      std::max_element(holding_.begin(), holding_.end(),
                       [](const GrpcCall* a, const GrpcCall* b) { return a->held() < b->held(); });
  const auto call = (*largest)->shared_from_this();
  call->finish(grpc_status(
      GrpcCode::kResourceExhausted,
      fmt::format("polis: unfinished requests of all clients hold more than {} bytes, this one the "
                  "most; send it again",
                  limits_.request_bytes_max)));
}

void GrpcCalls::forget(GrpcCall& call) {
  deadlines_.remove(call);
  if (holding_.erase(&call) > 0) held_ -= call.held();
}

}  // namespace polis::http
