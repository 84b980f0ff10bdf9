#pragma once

// A call over an exchange: the part that gRPC and JSON calls share. It decides when a message is
// given to the method's handler and when the message waits, when the handler learns that the client
// sends no more, and what happens at the end. The derived class knows the form of a message.
//
// If the client of a stream does not read its answers, the handler gets no more messages. The
// client's window grows again only when its messages were given to the handler.
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

// Bounds the memory that incomplete request messages of all calls hold together. Beyond the bound,
// the call that holds most is ended with RESOURCE_EXHAUSTED. A call that holds less than 16 KiB is
// not counted.
class HeldRequests {
 public:
  explicit HeldRequests(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  // `call` held `before` bytes and holds `now` bytes. May end any call that holds bytes, also this
  // one.
  void on_held(ExchangeCall& call, std::size_t before, std::size_t now);

 private:
  void end_largest();

  std::size_t bytes_max_;
  absl::flat_hash_set<ExchangeCall*> holding_;  // the calls that hold something
  std::size_t held_ = 0;                        // the sum over them
};

// Bytes of the messages of all calls, without HTTP's and gRPC's framing.
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
  bool answered = false;   // false: the client went before the answer; for_client is zero
};

// What all calls of a server share. Outlives them.
struct CallsShared {
  const io::Loop& loop;
  // A stream whose client has not taken this many bytes of answers gets no more messages.
  std::size_t queue_bytes_max;
  HeldRequests held;
  Deadlines deadlines;
  Traffic traffic;
  // Called at the end of each unary call that took at least slow_min; may be empty.
  std::function<void(const SlowCall&)> on_slow;
  Duration slow_min = std::chrono::milliseconds(500);
  // When the server last received or sent something: the time of what happens because of it. (Each
  // look at the clock costs a hundredth of a small request.)
  Instant moment{};
};

class ExchangeCall : public ServerCall, public ExchangeHandler {
 public:
  // `shared` and `method` outlive the exchange.
  ExchangeCall(CallsShared& shared, ExchangePtr exchange, const Method& method)
      : shared_(shared),
        exchange_(std::move(exchange)),
        method_(method),
        begun_(shared.moment),
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

  // The bytes of incomplete messages that HeldRequests counts for this call.
  std::size_t held() const { return held_; }

 protected:
  // The following functions are the derived class's: they cut messages out of the body. If a
  // message cannot be read, they call finish() with an error.
  // Takes bytes of the body.
  virtual void add(std::string_view bytes) = 0;
  // Takes a stream's next message, valid until the next call. False: none is complete.
  virtual bool next(std::string_view& message) = 0;
  // How many bytes were added and do not belong to a message that was taken.
  virtual std::size_t unread() const = 0;
  virtual void forget_unread() = 0;
  // More bytes of a unary call's request were added.
  virtual void on_unary_bytes() = 0;
  // A unary call's request is complete: calls the method.
  virtual void on_unary_end() = 0;
  // A stream's client sends no more, and every message was taken.
  virtual void on_stream_end() {}

  bool streams() const { return method_.stream != nullptr; }
  // finish() must call this first. False: the client has gone, or the call has ended: do nothing.
  bool begin_finish(int code);
  // A message of this many bytes was received from the client, or sent to it.
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

  // Of a unary call: when its head arrived; when its request was complete; when it was answered.
  Instant begun_, complete_, answered_;
  std::size_t held_ = 0;
  std::size_t received_ = 0;  // bytes of the body for which consumed() was not called yet
  bool finished_ = false, request_complete_ = false;
  bool full_ = false;     // messages wait until the client has read answers
  bool reading_ = false;  // a handler may be using a message
  bool told_half_close_ = false;
  bool end_counted_ = false;
};

}  // namespace polis::http
