#pragma once

// gRPC over exchanges: finds the method of a call, collects its messages, and ends it at its
// deadline.
//
// Everything has a bound. A message is refused when its prefix says that it is too long, not when
// it has arrived. What unfinished messages of all calls hold together is bounded: beyond it, the
// call that holds most is ended. A stream whose client does not read is given no more messages.
//
// Threads: the loop's.
// Source: "gRPC over HTTP2", the protocol's own description.

#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/deadlines.hh"
#include "http/exchange.hh"
#include "http/grpc.hh"
#include "http/methods.hh"
#include "io/loop.hh"

namespace polis::http {

class GrpcCalls;

class GrpcCall final : public ServerCall, public ExchangeHandler {
 public:
  GrpcCall(GrpcCalls& calls, ExchangePtr exchange, const Method& method, GrpcReader reader)
      : calls_(&calls),
        exchange_(std::move(exchange)),
        method_(&method),
        reader_(std::move(reader)) {}

  // ServerCall
  void send(std::string_view message) override;
  void send_from(std::unique_ptr<MessageSource> source) override;
  void finish(const GrpcStatus& status) override;
  bool open() const override { return exchange_ != nullptr && exchange_->open() && !finished_; }
  std::size_t queued() const override { return exchange_ ? exchange_->queued() : 0; }
  const std::string& peer() const override;

  // ExchangeHandler
  void on_body(std::string_view bytes) override;
  void on_request_end() override;
  void on_room() override;
  void on_exchange_close() override;

  // Bytes of unfinished messages, where they are worth counting.
  std::size_t held() const { return held_; }

 private:
  void start_response();
  void write_prefix(std::uint64_t length);
  void read_unary();
  void read_stream();
  void refuse_message(GrpcReader::Outcome outcome);
  void count_held();
  void maybe_tell_half_close();

  GrpcCalls* calls_;      // null when the exchange is over
  ExchangePtr exchange_;  // shared with its connection; null when it is over
  const Method* method_;
  GrpcReader reader_;
  std::size_t held_ = 0;      // as GrpcCalls knows it
  std::size_t received_ = 0;  // bytes of the body that were not given back yet
  bool responding_ = false, finished_ = false;
  bool request_complete_ = false;
  bool full_ = false;  // messages wait until the client has read
  bool told_half_close_ = false;
};

class GrpcCalls {
 public:
  struct Limits {
    std::size_t message_bytes_max;  // of one request message
    std::size_t call_queue_bytes;   // of answers that a stream's client does not read
    std::size_t request_bytes_max;  // of all unfinished request messages together
  };
  GrpcCalls(io::Loop& loop, Limits limits) : loop_(loop), limits_(limits) {}

  MethodTable& methods() { return methods_; }
  void begin(const ExchangePtr& exchange, const Request& request);
  // No new calls from now on.
  void drain() { draining_ = true; }
  // Often: ends the calls whose deadline has come.
  void check_deadlines(Instant now) { deadlines_.expire(now); }

  // For the calls.
  const Limits& limits() const { return limits_; }
  void on_held(GrpcCall& call, std::size_t before, std::size_t now);
  void forget(GrpcCall& call);

 private:
  void end_largest();

  io::Loop& loop_;
  Limits limits_;
  MethodTable methods_;
  Deadlines deadlines_;
  absl::flat_hash_set<GrpcCall*> holding_;
  std::size_t held_ = 0;  // by all of holding_
  bool draining_ = false;
};

}  // namespace polis::http
