#pragma once

// gRPC over exchanges: finds the method of a call, collects its messages, and ends it at its
// deadline.
//
// A message that is too long is refused as soon as its prefix has arrived.
//
// Threads: the loop's.
// Source: "gRPC over HTTP2", the protocol's own description.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/exchange_call.hh"
#include "http/grpc.hh"
#include "http/methods.hh"
#include "io/loop.hh"

namespace polis::http {

class GrpcCall final : public ExchangeCall {
 public:
  GrpcCall(CallsShared& shared, ExchangePtr exchange, const Method& method, GrpcReader reader,
           std::size_t message_bytes_max)
      : ExchangeCall(shared, std::move(exchange), method),
        reader_(std::move(reader)),
        message_bytes_max_(message_bytes_max) {}

  // ServerCall
  void send(std::string_view message) override;
  void send_from(std::unique_ptr<MessageSource> source) override;
  void finish(const GrpcStatus& status) override;

 private:
  // ExchangeCall
  void add(std::string_view bytes) override { reader_.add(bytes); }
  bool next(std::string_view& message) override;
  std::size_t unread() const override { return reader_.held(); }
  void forget_unread() override { reader_.clear(); }
  void on_unary_bytes() override;
  void on_unary_end() override;

  void start_response();
  void write_prefix(std::uint64_t length);
  void refuse_message(GrpcReader::Outcome outcome);

  GrpcReader reader_;
  std::size_t message_bytes_max_;
};

class GrpcCalls {
 public:
  // `message_bytes_max`: the largest request message. `shared` must outlive the calls.
  GrpcCalls(CallsShared& shared, std::size_t message_bytes_max)
      : shared_(shared), message_bytes_max_(message_bytes_max) {}

  MethodTable& methods() { return methods_; }
  const MethodTable& methods() const { return methods_; }
  // A request with gRPC's content type has arrived: finds its method and begins the call. An
  // unknown method ends with UNIMPLEMENTED.
  void begin(const ExchangePtr& exchange, const Request& request);
  // From now on new calls are refused with UNAVAILABLE.
  void drain() { draining_ = true; }

 private:
  CallsShared& shared_;
  std::size_t message_bytes_max_;
  MethodTable methods_;
  bool draining_ = false;
};

}  // namespace polis::http
