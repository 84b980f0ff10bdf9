#pragma once

// One request and its answer, streaming both ways: what gRPC, JSON and pages share, over HTTP/1.1
// and HTTP/2 alike.
//
// A connection makes an exchange when a request's head has arrived and gives it to the router's
// handler. The handler answers at once or later; body bytes come to it as they arrive, and the
// client may send more only as they are consumed.
//
// Threads: the loop's.
// Life: respond -> write... -> end, in this order. After the client has gone, all of them do
// nothing. Shared: by the connection, and by whoever will answer.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/byte_queue.hh"
#include "http/fields.hh"

namespace polis::http {

enum class Version { kHttp10, kHttp11, kHttp2 };

// A request's head. Views are valid during the call that gives it.
struct Request {
  Version version;
  std::string_view method, authority, target;  // target: path and query, as they were sent
  const Fields& fields;                        // without pseudo-header fields

  std::string_view path() const { return target.substr(0, target.find('?')); }
  std::string_view query() const {
    const std::size_t mark = target.find('?');
    return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  }
};

// Bytes that are made while they are sent.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  // Appends at least one byte and about `bytes_max`; false when there is nothing more.
  virtual bool read(std::string& out, std::size_t bytes_max) = 0;
};

// Who handles a request, as its exchange tells it what happens.
class ExchangeHandler {
 public:
  virtual ~ExchangeHandler() = default;
  // A part of the body. Exchange::consumed must be told of every byte once.
  virtual void on_body(std::string_view bytes) = 0;
  // The request is complete. Not called if the client goes before that.
  virtual void on_request_end() = 0;
  // Exchange::queued() has fallen below half of the limit.
  virtual void on_room() {}
  // The exchange is over, answered or not. Nothing follows.
  virtual void on_exchange_close() = 0;
};

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  virtual ~Exchange() = default;

  // Once, before the request's first body byte is delivered, from within the router's handler.
  void set_handler(std::shared_ptr<ExchangeHandler> handler) { handler_ = std::move(handler); }

  // Every answer carries these, too, and the date if there is one; for the router. They outlive the
  // exchange.
  void set_common_fields(const Fields& fields) { common_fields_ = &fields; }
  void set_date(const std::string& date) { date_ = &date; }
  // Begins the answer. Field names in lower case. A length that is known goes in "content-length".
  virtual void respond(int status, const Fields& fields) = 0;
  // The whole answer is these fields. An HTTP/2 client gets one frame.
  virtual void respond_without_body(int status, const Fields& fields) = 0;
  // Unbounded: who streams looks at queued() first.
  void write(std::string_view bytes);
  // A large string, as it is.
  void write_whole(std::string&& bytes);
  // One message of a stream of them. Over HTTP/1.1 it is one chunk, since there are clients that
  // take each chunk for a message (etcd3gw). An answer has only these, or none of them.
  virtual void write_message(std::string&& bytes) { write_whole(std::move(bytes)); }
  // Made while it is sent, behind what was written. The last part of the body.
  void write_from(std::unique_ptr<ByteSource> source);
  virtual void end(const Fields& trailers) = 0;
  void end() { end({}); }
  // Gives the exchange up: the client learns that no complete answer comes.
  virtual void abort() = 0;

  // The handler is done with so many bytes of the body: the client may send as many again.
  virtual void consumed(std::size_t bytes) = 0;

  // The client is there and the answer is not complete.
  virtual bool open() const = 0;
  // Bytes that the client has not taken yet.
  std::size_t queued() const { return body_.size(); }
  virtual const std::string& peer() const = 0;

 protected:
  // There is something new to send.
  virtual void wake() = 0;
  // Body bytes for the client, at most `bytes_max`.
  void take_body(std::string& out, std::size_t bytes_max);
  bool body_empty() const { return body_.empty() && !source_; }
  // queued() has just gone from `before` to what it is; `limit`: what may be queued.
  bool has_drained(std::size_t before, std::size_t limit) const {
    return handler_ && before >= limit / 2 && body_.size() < limit / 2;
  }
  // The exchange is over.
  void close_handler();
  // Calls use(name, value) with each of these and of what every answer carries.
  template <typename Use>
  void for_each_field(const Fields& fields, const Use& use) const {
    for (const auto& [name, value] : fields) use(name, value);
    if (common_fields_ != nullptr) {
      for (const auto& [name, value] : *common_fields_) use(name, value);
    }
    if (date_ != nullptr && !date_->empty()) use("date", *date_);
  }

  std::shared_ptr<ExchangeHandler> handler_;  // shared with those who answer later

 private:
  const Fields* common_fields_ = nullptr;
  const std::string* date_ = nullptr;
  ByteQueue body_;
  std::unique_ptr<ByteSource> source_;
  std::string made_;  // of the source, for one take
};

using ExchangePtr = std::shared_ptr<Exchange>;

}  // namespace polis::http
