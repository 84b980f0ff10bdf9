#include "http/exchange_call.hh"

#include <fmt/format.h>

#include <algorithm>

namespace polis::http {
namespace {

// Calls that hold less are not counted: they cost no more than their stream does.
constexpr std::size_t kHeldCountedMin = 16 << 10;

}  // namespace

// --- HeldRequests

void HeldRequests::on_held(ExchangeCall& call, std::size_t before, std::size_t now) {
  held_ += now;
  held_ -= before;
  if (now == 0) {
    holding_.erase(&call);
    return;
  }
  if (before == 0) holding_.insert(&call);
  if (now > before && held_ > bytes_max_) end_largest();
}

void HeldRequests::end_largest() {
  const auto largest = std::max_element(
      holding_.begin(), holding_.end(),
      [](const ExchangeCall* a, const ExchangeCall* b) { return a->held() < b->held(); });
  const auto call = (*largest)->shared_from_this();
  call->finish(grpc_status(
      GrpcCode::kResourceExhausted,
      fmt::format("polis: unfinished requests of all clients hold more than {} bytes, this one the "
                  "most; send it again",
                  bytes_max_)));
}

// --- ExchangeCall

const std::string& ExchangeCall::peer() const {
  static const std::string gone = "(gone)";
  return exchange_ ? exchange_->peer() : gone;
}

void ExchangeCall::on_body(std::string_view bytes) {
  const auto keep = shared_from_this();
  add(bytes);
  received_ += bytes.size();
  streams() ? read_stream() : on_unary_bytes();
  settle();
}

void ExchangeCall::on_request_end() {
  const auto keep = shared_from_this();
  request_complete_ = true;
  if (streams()) return maybe_tell_half_close();
  complete_ = shared_.moment;
  reading_ = true;
  on_unary_end();
  reading_ = false;
  forget_unread();
  count_held();
}

void ExchangeCall::on_room() {
  const auto keep = shared_from_this();
  if (full_) {
    read_stream();
    settle();
    maybe_tell_half_close();
  }
  if (open() && on_drained) on_drained();
}

void ExchangeCall::on_exchange_close() {
  const auto keep = shared_from_this();
  count_end(static_cast<int>(GrpcCode::kCancelled));  // unless it was finished
  shared_.deadlines.remove(*this);
  if (!streams()) maybe_report_slow();
  exchange_ = nullptr;
  if (!reading_) forget_unread();
  count_held();
  auto closed = std::move(on_close);
  on_message = nullptr;
  on_half_close = nullptr;
  on_drained = nullptr;
  on_close = nullptr;
  if (closed) closed();
}

bool ExchangeCall::begin_finish(int code) {
  if (!open()) return false;
  finished_ = true;
  count_end(code);
  if (!streams()) answered_ = shared_.loop.now();
  if (!reading_) forget_unread();
  count_held();
  return true;
}

void ExchangeCall::read_stream() {
  full_ = false;
  reading_ = true;
  std::string_view message;
  while (open()) {
    if (queued() >= shared_.queue_bytes_max && unread() > 0) {
      full_ = true;
      break;
    }
    if (!next(message)) break;
    count_received(message.size());
    if (on_message) on_message(message);
  }
  reading_ = false;
  if (exchange_ == nullptr || finished_) forget_unread();
}

// Messages were taken or have to wait.
void ExchangeCall::settle() {
  count_held();
  if (exchange_ && !full_) exchange_->consumed(std::exchange(received_, 0));
}

void ExchangeCall::count_end(int code) {
  if (!std::exchange(end_counted_, true)) method_.counts.end(code);
}

void ExchangeCall::count_received(std::size_t bytes) {
  ++method_.counts.messages_received;
  shared_.traffic.received += bytes;
}

void ExchangeCall::count_sent(std::uint64_t bytes) {
  ++method_.counts.messages_sent;
  shared_.traffic.sent += bytes;
}

void ExchangeCall::count_held() {
  const bool wanted = exchange_ != nullptr && !finished_;
  const std::size_t now = wanted && unread() >= kHeldCountedMin ? unread() : 0;
  const std::size_t before = std::exchange(held_, now);
  if (before != now) shared_.held.on_held(*this, before, now);
}

void ExchangeCall::maybe_tell_half_close() {
  if (!request_complete_ || full_ || told_half_close_ || !open()) return;
  told_half_close_ = true;
  on_stream_end();
  if (open() && on_half_close) on_half_close();
}

void ExchangeCall::maybe_report_slow() {
  const Instant now = std::max(shared_.moment, answered_);
  if (!shared_.on_slow || now - begun_ < shared_.slow_min) return;
  // What has not come to pass took all of the time.
  const Instant answered = finished_ ? answered_ : now;
  const Instant complete = request_complete_ ? complete_ : answered;
  shared_.on_slow({.method = method_.path,
                   .total = now - begun_,
                   .for_request = complete - begun_,
                   .for_answer = answered - complete,
                   .for_client = now - answered,
                   .answered = finished_});
}

}  // namespace polis::http
