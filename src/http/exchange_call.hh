#pragma once

// What calls over exchanges have in common, whatever form their messages have: when a message is
// given to the handler and when it waits, when the handler learns that the client sends no more,
// and what happens at the end. What a message is, and how it is found, is the derived class's.
//
// A stream whose client does not read is given no more messages. Bytes of the body are given back
// to the client's window when their messages were given to the handler, not before.
//
// Threads: the loop's.

#include <absl/container/flat_hash_set.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "http/deadlines.hh"
#include "http/exchange.hh"
#include "http/methods.hh"
#include "io/loop.hh"

namespace polis::http {

class ExchangeCall;

// Bounds what the unfinished request messages of all calls hold together: beyond it, the call that
// holds most is ended.
class HeldRequests {
 public:
  explicit HeldRequests(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  // `call` held `before` and holds `now`. May end it.
  void on_held(ExchangeCall& call, std::size_t before, std::size_t now);

 private:
  void end_largest();

  std::size_t bytes_max_;
  absl::flat_hash_set<ExchangeCall*> holding_;  // those that hold something
  std::size_t held_ = 0;                        // by all of them
};

// Bytes of messages of all calls, without what carries them.
struct Traffic {
  std::uint64_t received = 0, sent = 0;
};

// Where the time of a unary call went, as the server sees it: from the request's head to the
// answer's last byte.
struct SlowCall {
  std::string_view method;
  Duration total{};
  Duration for_request{};  // until the client had sent all of the request
  Duration for_answer{};   // from then until the answer was known
  Duration for_client{};   // from then until the client had let all of it be sent
  bool answered = false;   // false: the client went before that, and for_client is nothing
};

// What all calls of a server share.
struct CallsShared {
  const io::Loop& loop;
  std::size_t queue_bytes_max;  // of answers that a stream's client does not read
  HeldRequests held;
  Deadlines deadlines;
  Traffic traffic;
  // Told of unary calls that took at least as long; may be empty.
  std::function<void(const SlowCall&)> on_slow;
  Duration slow_min = std::chrono::milliseconds(500);
};

class ExchangeCall : public ServerCall, public ExchangeHandler {
 public:
  // `shared` and `method` outlive the exchange.
  ExchangeCall(CallsShared& shared, ExchangePtr exchange, const Method& method)
      : shared_(shared),
        exchange_(std::move(exchange)),
        method_(method),
        begun_(shared.loop.now()),
        complete_(begun_),
        answered_(begun_) {
    ++method_.counts.started;
  }

  // ServerCall
  bool open() const override { return exchange_ != nullptr && exchange_->open() && !finished_; }
  std::size_t queued() const override { return exchange_ ? exchange_->queued() : 0; }
  const std::string& peer() const override;

  // ExchangeHandler
  void on_body(std::string_view bytes) final;
  void on_request_end() final;
  void on_room() final;
  void on_exchange_close() final;

  // As HeldRequests knows it.
  std::size_t held() const { return held_; }

 protected:
  // The reader of messages. What it cannot read it tells by finish().
  virtual void add(std::string_view bytes) = 0;
  // A stream's next message, valid until the next call. False: none is complete.
  virtual bool next(std::string_view& message) = 0;
  // Bytes that were added and are in no message yet that was taken.
  virtual std::size_t unread() const = 0;
  virtual void forget_unread() = 0;
  // More of a unary call's request has come.
  virtual void on_unary_bytes() = 0;
  // It is complete: calls the method.
  virtual void on_unary_end() = 0;
  // A stream's client sends no more, and every message was taken.
  virtual void on_stream_end() {}

  bool streams() const { return method_.stream != nullptr; }
  // How finish() begins. False: there is nobody to tell, or it was told before.
  bool begin_finish(int code);
  // A unary call's message was taken; `bytes` of a message were given to the exchange.
  void count_received(std::size_t bytes);
  void count_sent(std::uint64_t bytes);

  CallsShared& shared_;
  ExchangePtr exchange_;  // shared with its connection; null when it is over
  const Method& method_;
  bool responding_ = false;  // the answer has begun

 private:
  void read_stream();
  void settle();
  void count_held();
  void count_end(int code);
  void maybe_tell_half_close();
  void maybe_report_slow();

  Instant begun_, complete_, answered_;  // of a unary call; the latter two when it has come to that
  std::size_t held_ = 0;
  std::size_t received_ = 0;  // bytes of the body that were not given back yet
  bool finished_ = false, request_complete_ = false;
  bool full_ = false;     // messages wait until the client has read
  bool reading_ = false;  // a message may be in use
  bool told_half_close_ = false;
  bool end_counted_ = false;
};

}  // namespace polis::http
