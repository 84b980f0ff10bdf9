#pragma once

// A strict parser of HTTP/1.1 requests. It owns no socket: bytes go in, events come out.
//
// It refuses every message that two readers could take for different ones, with the status that the
// client is told: a Content-Length beside Transfer-Encoding, two different lengths, a line that
// ends without CR, a blank before a colon, a folded field, a coding other than chunked. Leading
// empty lines before a request are passed over (RFC 9112 2.2).
//
// Pure. Life: feed as long as there are bytes; after kRequest feed the body; after kEnd the next
// request begins.
// Source: RFC 9112.

#include <cstdint>
#include <string>
#include <string_view>

#include "http/fields.hh"

namespace polis::http {

struct H1Limits {
  std::size_t head_bytes_max = 64 << 10;  // request line and fields together
  std::size_t fields_max = 200;
};

class H1Parser {
 public:
  explicit H1Parser(H1Limits limits = {}) : limits_(limits) {}

  enum class Event {
    kMore,     // every byte was taken; give the next ones
    kRequest,  // a request's head is complete: method() and its neighbours are valid until the next
               // feed
    kBody,     // body() is a part of the body, valid as long as the bytes that were fed
    kEnd,      // the request is complete
    kError,    // error_status() and error_text() say what to answer; then the connection must end
  };
  // Takes a prefix of `bytes` and removes it from them. Call again until it says kMore.
  Event feed(std::string_view& bytes);

  const std::string& method() const { return method_; }
  const std::string& target() const { return target_; }
  // 10 or 11.
  int version() const { return version_; }
  const Fields& fields() const { return fields_; }
  // Whether the connection may be used for another request after this one.
  bool keep_alive() const { return keep_alive_; }
  // The client waits for "100 Continue" before it sends the body.
  bool expects_continue() const { return expects_continue_; }

  std::string_view body() const { return body_; }

  int error_status() const { return error_status_; }
  const std::string& error_text() const { return error_text_; }
  // Between two requests: nothing of the next one has arrived.
  bool idle() const { return state_ == State::kHead && head_.empty(); }

 private:
  enum class State {
    kHead,
    kFixedBody,
    kChunkSize,
    kChunkData,
    kChunkEnd,
    kTrailers,
    kDone,
    kError
  };

  Event read_head(std::string_view& bytes);
  Event parse_head();
  bool parse_request_line(std::string_view line);
  bool parse_field(std::string_view line);
  bool frame_body();
  Event read_fixed(std::string_view& bytes);
  Event read_chunk_size(std::string_view& bytes);
  Event read_chunk_end(std::string_view& bytes);
  Event read_trailers(std::string_view& bytes);
  // Moves bytes up to and including the next LF into line_. True when the line is complete.
  bool read_line(std::string_view& bytes, std::size_t bytes_max);
  Event fail(int status, std::string text);
  bool refuse(int status, std::string text);

  H1Limits limits_;
  State state_ = State::kHead;
  std::string head_;  // request line and fields as they arrive; fields_ points into it
  std::string line_;  // of a chunk's size, of trailers
  std::size_t trailer_bytes_ = 0;
  std::string method_, target_;
  int version_ = 11;
  Fields fields_;
  bool keep_alive_ = true, expects_continue_ = false;
  std::uint64_t left_ = 0;  // bytes of the body, or of the chunk
  std::string_view body_;
  int error_status_ = 0;
  std::string error_text_;
};

}  // namespace polis::http
