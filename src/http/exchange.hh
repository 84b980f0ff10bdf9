#pragma once

// An exchange: one HTTP request and its answer, both streaming, over HTTP/1.1 or HTTP/2. gRPC, JSON
// and pages stand on it.
//
// A connection makes an exchange when a request's head has arrived, and gives it to the router's
// handler. The handler answers at once or later. It gets the bytes of the request's body as they
// arrive; the client may send more only after they were consumed.
//
// Threads: the loop's.
// Life: respond -> write ... -> end, in this order. After the client has gone, these functions do
// nothing. Shared by the connection and by the code that will answer.

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

// A source of bytes that are made while they are sent.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // How many bytes it gives in all.
  virtual std::uint64_t size() const = 0;
  // Appends the next bytes: at least one, and about `bytes_max`. False: all were given; nothing was
  // appended.
  virtual bool read(std::string& out, std::size_t bytes_max) = 0;
};

// Handles one request. Its exchange calls these functions.
class ExchangeHandler {
 public:
  virtual ~ExchangeHandler() = default;
  // A part of the body has arrived, valid during the call. The handler must pass the number of
  // bytes to Exchange::consumed, each byte once.
  virtual void on_body(std::string_view bytes) = 0;
  // The request is complete. Not called if the client goes before that.
  virtual void on_request_end() = 0;
  // Exchange::queued() has fallen below half of the limit (ServerOptions::call_queue_bytes).
  virtual void on_room() {}
  // The exchange is over, with or without an answer. No other call follows.
  virtual void on_exchange_close() = 0;
};

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  virtual ~Exchange() = default;

  // Call it once, from within the router's handler, or not at all. Without a handler the body is
  // dropped.
  void set_handler(std::shared_ptr<ExchangeHandler> handler) { handler_ = std::move(handler); }

  // For the router: every answer carries these fields too, and the date if it is not empty. Both
  // must outlive the exchange.
  void set_common_fields(const Fields& fields) { common_fields_ = &fields; }
  void set_date(const std::string& date) { date_ = &date; }
  // Begins the answer. Field names in lower case. If the length is known, give it in
  // "content-length".
  virtual void respond(int status, const Fields& fields) = 0;
  // The whole answer: status and fields, no body. An HTTP/2 client gets one frame.
  virtual void respond_without_body(int status, const Fields& fields) = 0;
  // Adds bytes to the body. They are queued without a bound: a handler that streams must look at
  // queued() first.
  void write(std::string_view bytes);
  // As write, and takes a large string over without a copy.
  void write_whole(std::string&& bytes);
  // Writes one message of an answer that is a stream of messages. Over HTTP/1.1 each message is one
  // chunk, because some clients take each chunk for a message (etcd3gw). Do not mix it with the
  // other write functions in one answer.
  virtual void write_message(std::string&& bytes) { write_whole(std::move(bytes)); }
  // The rest of the body comes from `source`, behind what was written. Write nothing after this.
  void write_from(std::unique_ptr<ByteSource> source);
  // Ends the answer. HTTP/2 alone sends the trailers.
  virtual void end(const Fields& trailers) = 0;
  void end() { end({}); }
  // Gives the exchange up: the client sees that the answer is not complete.
  virtual void abort() = 0;

  // The handler has processed this many bytes of the body: the client may send as many again.
  virtual void consumed(std::size_t bytes) = 0;

  // The client is there and end() was not called.
  virtual bool open() const = 0;
  // Bytes of the answer that have not been sent yet, those of a ByteSource excepted.
  std::size_t queued() const { return body_.size(); }
  virtual const std::string& peer() const = 0;

 protected:
  // There is something new to send.
  virtual void wake() = 0;
  // Body bytes for the client, at most `bytes_max`.
  void take_body(std::string& out, std::size_t bytes_max);
  bool body_empty() const { return body_.empty() && !source_; }
  // Whether the handler must be told by on_room(): queued() has just fallen from `before` to below
  // half of `limit`.
  bool has_drained(std::size_t before, std::size_t limit) const {
    return handler_ && before >= limit / 2 && body_.size() < limit / 2;
  }
  // The exchange is over: tells the handler, and drops it.
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

  std::shared_ptr<ExchangeHandler> handler_;  // shared with the code that answers later

 private:
  const Fields* common_fields_ = nullptr;
  const std::string* date_ = nullptr;
  ByteQueue body_;
  std::unique_ptr<ByteSource> source_;
  std::string made_;  // of the source, for one take
};

using ExchangePtr = std::shared_ptr<Exchange>;

}  // namespace polis::http
