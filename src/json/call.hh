#pragma once

// One call that came as JSON.

#include "http/exchange.hh"
#include "http/methods.hh"
#include "json/gateway.hh"
#include "json/translate.hh"

namespace polis::json {

class Call final : public http::ServerCall, public http::ExchangeHandler {
 public:
  Call(Gateway& gateway, http::ExchangePtr exchange, const Route& route)
      : gateway_(&gateway),
        exchange_(std::move(exchange)),
        route_(route),
        objects_(gateway.limits().body_bytes_max) {}

  // ServerCall
  void send(std::string_view message) override;
  void send_from(std::unique_ptr<http::MessageSource> source) override;
  void finish(const http::GrpcStatus& status) override;
  bool open() const override { return exchange_ != nullptr && exchange_->open() && !finished_; }
  std::size_t queued() const override { return exchange_ ? exchange_->queued() : 0; }
  const std::string& peer() const override;

  // ExchangeHandler
  void on_body(std::string_view bytes) override;
  void on_request_end() override;
  void on_room() override;
  void on_exchange_close() override;

 private:
  bool streams() const { return route_.method->stream != nullptr; }
  void read_objects();
  void deliver(std::string_view object);
  void maybe_tell_half_close();

  Gateway* gateway_;            // null when the exchange is over
  http::ExchangePtr exchange_;  // shared with its connection; null when it is over
  Route route_;
  ObjectReader objects_;
  std::string body_;          // of a unary call
  std::size_t received_ = 0;  // bytes of the body that were not given back yet
  bool responding_ = false, finished_ = false, request_complete_ = false, full_ = false,
       told_half_close_ = false;
};

// The whole answer is an error, as etcd's gateway gives it.
void respond_with_error(http::Exchange& exchange, const http::GrpcStatus& status);
// The fields that every answer carries, for pages of other origins.
const http::Fields& cors_fields();

}  // namespace polis::json
