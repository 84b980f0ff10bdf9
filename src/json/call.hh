#pragma once

// One call that came as JSON.

#include "http/exchange_call.hh"
#include "json/gateway.hh"
#include "json/objects.hh"
#include "json/translate.hh"

namespace polis::json {

class Call final : public http::ExchangeCall {
 public:
  Call(http::CallsShared& shared, http::ExchangePtr exchange, const Route& route,
       const Gateway::Limits& limits)
      : ExchangeCall(shared, std::move(exchange), *route.method),
        request_(*route.request),
        response_(*route.response),
        limits_(limits),
        objects_(limits.body_bytes_max) {}

  // ServerCall
  void send(std::string_view message) override;
  void send_from(std::unique_ptr<http::MessageSource> source) override;
  void finish(const http::GrpcStatus& status) override;

 private:
  // ExchangeCall
  void add(std::string_view bytes) override { objects_.add(bytes); }
  bool next(std::string_view& message) override;
  std::size_t unread() const override { return objects_.held(); }
  void forget_unread() override { objects_.clear(); }
  void on_unary_bytes() override;
  void on_unary_end() override;
  void on_stream_end() override;

  bool translate(std::string_view object, Rest rest);

  const Schema& request_;
  const Schema& response_;
  Gateway::Limits limits_;
  ObjectReader objects_;
  std::string message_;  // the latest one, in wire form
};

// The whole answer is an error, as etcd's gateway gives it.
void respond_with_error(http::Exchange& exchange, const http::GrpcStatus& status);

}  // namespace polis::json
