#pragma once

// HTTP/2 behind a narrow interface: feed(bytes) and drain(bytes). Everything about nghttp2 is in
// session.cc; the framing can be replaced without anybody noticing.
//
// Header blocks are given as they arrive: http/request_rules.hh says which of them are requests.
//
// A session is one connection, of a server or of a client. It owns no socket and no thread: who
// owns it feeds it what arrived and sends what it drains.
//
// Threads: the reactor's.
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

// The limits of a session: what one peer may cost.
struct SessionLimits {
  std::uint32_t header_bytes_max = 128 << 10;  // of one header block
  std::uint32_t stream_window = 1 << 20;       // bytes that may arrive unread on one stream
  std::uint32_t connection_window = 8 << 20;   // and on all together
  std::size_t output_bytes_max =
      1 << 20;  // drained and not yet taken by the socket, before sources are asked again
};

// Where a message's bytes come from, when the peer has room for them.
class BodySource {
 public:
  virtual ~BodySource() = default;
  enum class State { kMore, kWait, kEnd };
  // Appends up to `bytes_max` bytes. kWait: nothing now; Session::resume when there is. kEnd: that
  // was all.
  virtual State read(std::string& out, std::size_t bytes_max) = 0;
};

class SessionEvents {
 public:
  virtual ~SessionEvents() = default;
  // The peer's headers are complete. Views are valid during the call. Trailers come here as well.
  virtual void on_headers(StreamId stream, const Headers& headers, bool trailers) = 0;
  virtual void on_data(StreamId stream, std::string_view bytes) = 0;
  // The peer will send no more on this stream.
  virtual void on_end(StreamId stream) = 0;
  // The stream is gone: `error` 0 for a regular end. Nothing follows.
  virtual void on_close(StreamId stream, std::uint32_t error) = 0;
  virtual void on_ping_ack() = 0;
  virtual void on_goaway(StreamId last_stream) = 0;
};

class Session {
 public:
  enum class Role { kServer, kClient };
  Session(Role role, SessionLimits limits, SessionEvents& events);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // What arrived, and when. False: the peer broke the protocol, or sends little but frames that
  // carry nothing (http/frame_meter.hh); drain what is left (it says why) and close.
  bool feed(std::string_view bytes, Instant now);
  // So many drained bytes have left.
  void on_sent(std::size_t bytes);
  // Appends what is to be sent, up to about SessionLimits::output_bytes_max.
  void drain(std::string& out);
  // Nothing more to read or to write: close.
  bool finished() const;

  // Client: begins a request and gives its stream, or 0 when the session takes no more. `body`
  // lives until the stream's end.
  StreamId request(const Headers& headers, BodySource* body);
  // Server: answers. Without a body the stream ends with these headers.
  bool respond(StreamId stream, const Headers& headers, BodySource* body);
  // Within BodySource::read, before it gives kEnd: these headers end the stream.
  void set_trailers(StreamId stream, const Headers& headers);
  void resume(StreamId stream);
  void reset(StreamId stream, std::uint32_t error);
  // Bytes that on_data gave were read: the peer may send as many again. Every byte has to be
  // acknowledged once.
  void consumed(StreamId stream, std::size_t bytes);
  // The same for the connection alone: the stream gets no more room.
  void consumed_by_connection(std::size_t bytes);
  void ping();
  // No new streams from now on; those that are open may end.
  void goaway();
  void terminate(std::uint32_t error);
  // What the peer still allows us to send on the stream, bytes.
  std::int32_t window(StreamId stream) const;

  struct Impl;  // nghttp2's types

 private:
  std::unique_ptr<Impl> impl_;
};

inline constexpr std::uint32_t kNoError = 0, kProtocolError = 1, kInternalError = 2,
                               kRefusedStream = 7, kCancel = 8, kEnhanceYourCalm = 11;

}  // namespace polis::http
