// HTTP/2 and what is above it: a server's session fed with anything.

#include "http/request_rules.hh"
#include "http/session.hh"

namespace {

struct Events final : polis::http::SessionEvents {
  polis::http::Session* session = nullptr;
  void on_headers(polis::http::StreamId stream, const polis::http::Headers& headers,
                  bool trailers) override {
    if (!trailers && polis::http::parse_request_head(headers))
      session->respond(stream, {{":status", "200"}}, nullptr);
  }
  void on_data(polis::http::StreamId stream, std::string_view bytes) override {
    session->consumed(stream, bytes.size());
  }
  void on_end(polis::http::StreamId) override {}
  void on_close(polis::http::StreamId, std::uint32_t) override {}
  void on_ping_ack() override {}
  void on_goaway(polis::http::StreamId) override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Events events;
  polis::http::Session session(polis::http::Session::Role::kServer, {}, events);
  events.session = &session;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string out;
  const polis::Instant now(std::chrono::seconds(1));
  if (session.feed("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", now) &&
      session.feed(std::string_view("\0\0\0\4\0\0\0\0\0", 9), now)) {
    session.feed(bytes.substr(0, size / 2), now);
    session.drain(out);
    session.feed(bytes.substr(size / 2), now);
  }
  session.drain(out);
  return 0;
}
