#pragma once

// HTTP/2 behind a narrow interface: feed(bytes) and drain(bytes). Only session.cc knows nghttp2.
//
// A session is one connection, of a server or of a client. It owns no socket and no thread: its
// owner feeds it the bytes that arrived and sends the bytes that it drains.
//
// Header blocks are given as they arrive; http/request_rules.hh checks whether they are requests.
//
// Threads: the loop's.
// Source: RFC 9113; nghttp2 1.52.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.hh"
#include "http/fields.hh"

namespace polis::http {

using StreamId = std::int32_t;
using Headers = Fields;

// The limits of a session: what one peer may cost. Bytes.
struct SessionLimits {
  std::uint32_t header_bytes_max = 128 << 10;  // of one header block
  std::uint32_t stream_window = 1 << 20;       // what may arrive on one stream before consumed()
  std::uint32_t connection_window = 8 << 20;   // the same for all streams together
  std::size_t output_bytes_max = 1 << 20;      // what one call of drain() appends, about
};

// Where the bytes of a body come from. It is read when the peer has room for them.
class BodySource {
 public:
  virtual ~BodySource() = default;
  enum class State { kMore, kWait, kEnd };
  // Appends up to `bytes_max` bytes. kMore: there is more now. kWait: there is no more now; call
  // Session::resume when there is. kEnd: the body is complete.
  virtual State read(std::string& out, std::size_t bytes_max) = 0;
};

// Called by the session within feed() and drain(). Views are valid during the call.
class SessionEvents {
 public:
  virtual ~SessionEvents() = default;
  // A header block of the peer is complete. Trailers come here as well.
  virtual void on_headers(StreamId stream, const Headers& headers, bool trailers) = 0;
  // A part of a body. Its bytes must be passed to Session::consumed, each byte once.
  virtual void on_data(StreamId stream, std::string_view bytes) = 0;
  // The peer will send no more on this stream.
  virtual void on_end(StreamId stream) = 0;
  // The stream is gone; no event of it follows. `error`: the code of the reset; 0: a regular end.
  virtual void on_close(StreamId stream, std::uint32_t error) = 0;
  virtual void on_ping_ack() = 0;
  // The peer accepts no new streams; it may have seen those through `last_stream`.
  virtual void on_goaway(StreamId last_stream) = 0;
};

class Session {
 public:
  // `events` must outlive the session.
  enum class Role { kServer, kClient };
  Session(Role role, SessionLimits limits, SessionEvents& events);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Takes bytes that have arrived at `now`. False: the peer broke the protocol, or sends mostly
  // frames that carry nothing (http/frame_meter.hh). Then drain the rest, which tells the peer why,
  // and close the connection.
  bool feed(std::string_view bytes, Instant now);
  // The socket has taken this many drained bytes.
  void on_sent(std::size_t bytes);
  // Appends bytes to send, until `out` has about SessionLimits::output_bytes_max. Call it again
  // until it appends nothing.
  void drain(std::string& out);
  // Nothing more will be read or sent: close the connection.
  bool finished() const;

  // Client: begins a request. The result is its stream; 0: the session takes no more requests.
  // `body` must live until on_close.
  StreamId request(const Headers& headers, BodySource* body);
  // Server: answers. `body` null: the stream ends with these headers; else it must live until
  // on_close. False: the stream is gone.
  bool respond(StreamId stream, const Headers& headers, BodySource* body);
  // Call it within BodySource::read, before that gives kEnd: the stream ends with these headers.
  void set_trailers(StreamId stream, const Headers& headers);
  // The body of the stream has more bytes after kWait.
  void resume(StreamId stream);
  void reset(StreamId stream, std::uint32_t error);
  // Bytes of on_data were processed: the peer may send as many again.
  void consumed(StreamId stream, std::size_t bytes);
  // The same for the window of the connection alone: the stream's window does not grow.
  void consumed_by_connection(std::size_t bytes);
  void ping();
  // From now on no new stream is accepted; open ones go on.
  void goaway();
  // Ends the connection with this error code once the rest is drained.
  void terminate(std::uint32_t error);
  // How many bytes the peer still allows to be sent on the stream.
  std::int32_t window(StreamId stream) const;

  struct Impl;  // nghttp2's types

 private:
  std::unique_ptr<Impl> impl_;
};

// Error codes of HTTP/2 (RFC 9113, section 7).
inline constexpr std::uint32_t kNoError = 0, kProtocolError = 1, kInternalError = 2,
                               kRefusedStream = 7, kCancel = 8, kEnhanceYourCalm = 11;

}  // namespace polis::http
