#pragma once

// HTTP/1.1 on a server's connection: one request after the other, each as an exchange.
//
// Requests that a client sends before it has read an answer wait in a buffer, and reading stops
// while they do; a bounded number of them is handled in one turn.

#include <memory>
#include <string>

#include "http/connection.hh"
#include "http/exchange.hh"
#include "http/h1_parser.hh"

namespace polis::http {

class H1Connection;

class H1Exchange final : public Exchange {
 public:
  H1Exchange(H1Connection& connection, Version version, bool head_only, bool keep_alive)
      : connection_(&connection),
        version_(version),
        head_only_(head_only),
        keep_alive_(keep_alive) {}

  void respond(int status, const Fields& fields) override;
  void respond_without_body(int status, const Fields& fields) override;
  void write_message(std::string&& bytes) override;
  void end(const Fields& trailers) override;
  void abort() override;
  void consumed(std::size_t bytes) override;
  bool open() const override { return connection_ != nullptr && !ended_; }
  const std::string& peer() const override;

  // From the connection.
  void produce(std::string& out, std::size_t bytes_max);
  void on_body(std::string_view bytes);
  void on_request_end();
  void close();  // the connection is gone, or the exchange is complete
  // Everything has been produced.
  bool complete() const { return ended_ && body_empty() && head_.empty() && last_.empty(); }
  bool responding() const { return responding_; }
  bool keep_alive() const { return keep_alive_; }

 protected:
  void wake() override;

 private:
  // kMessages: chunked, and what waits to be sent is in that form already.
  enum class Framing { kLength, kChunked, kMessages, kUntilClose, kNone };
  void write_head(int status, const Fields& fields, Framing framing);

  H1Connection* connection_;  // null when the connection is gone
  Version version_;
  bool head_only_;   // the answer to HEAD has no body
  bool keep_alive_;  // as the client wants it, and as the answer allows
  bool responding_ = false, ended_ = false;
  Framing framing_ = Framing::kNone;
  std::string head_, last_;  // what comes before the body and behind it
};

class H1Connection final : public Protocol {
 public:
  explicit H1Connection(Connection& connection);
  ~H1Connection() override;

  bool on_bytes(std::string_view bytes) override;
  void produce(std::string& out, std::size_t bytes_max) override;
  bool finished() const override { return finished_ && errors_.empty(); }
  void goaway() override;
  bool check(Instant now, Instant heard) override;

  Connection& connection() { return connection_; }
  // For the exchange: the client may send more of the body.
  void on_consumed(std::size_t bytes);

 private:
  void go_on(std::string_view bytes = {});
  bool step(std::string_view& bytes);
  void begin_exchange();
  void refuse(int status, const std::string& text);
  void end_exchange();
  void maybe_continue_later();

  Connection& connection_;
  H1Parser parser_;
  std::string in_;  // arrived and not yet parsed
  std::size_t in_at_ = 0;
  std::shared_ptr<H1Exchange> exchange_;  // shared with who answers
  bool request_complete_ = true;
  bool body_is_coming_ = true;  // false: the client waits for a word that it was not given
  int begun_ = 0;               // requests, in this turn
  bool paused_ = false, finished_ = false, draining_ = false, continuing_ = false,
       stepping_ = false;
  std::size_t unconsumed_ = 0;                              // of the body
  std::uint64_t discarded_ = 0;                             // of a body that nobody wanted
  std::string errors_;                                      // the answer to what is no request
  Instant head_began_;                                      // when the first byte of a request came
  Instant answered_;                                        // when the last exchange ended
  std::shared_ptr<bool> alive_ = std::make_shared<bool>();  // shared with posted calls
};

}  // namespace polis::http
