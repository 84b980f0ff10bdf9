#include "http/session.hh"

#include <absl/container/flat_hash_map.h>
#include <nghttp2/nghttp2.h>

#include <cstring>

#include "base/check.hh"
#include "http/frame_meter.hh"

namespace polis::http {

struct Session::Impl {
  struct Stream {
    BodySource* body = nullptr;
    std::vector<std::pair<std::string, std::string>> trailers;
    bool has_headers = false;  // those that arrive next are trailers
    bool waiting = false;      // its body said kWait
  };

  Role role;
  SessionLimits limits;
  SessionEvents& events;
  nghttp2_session* session = nullptr;
  absl::flat_hash_map<StreamId, Stream> streams;
  FrameMeter meter;
  bool broken = false;
  std::string chunk;  // what a body gave for one frame
  // The one header block that is arriving (RFC 9113 4.3: no other frame comes between its parts),
  // names and values after each other; and the views of it that are handed on.
  std::string header_text;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> header_lengths;
  Headers header_views;
  std::vector<nghttp2_nv> name_values;  // of the block that is being sent

  Impl(Role r, SessionLimits l, SessionEvents& e)
      : role(r), limits(l), events(e), meter(r == Role::kServer ? NGHTTP2_CLIENT_MAGIC_LEN : 0) {}
};

namespace {

using Impl = Session::Impl;

Impl& impl_of(void* user) { return *static_cast<Impl*>(user); }

// Valid until the next call.
const std::vector<nghttp2_nv>& name_values(Impl& impl, const Headers& headers) {
  auto& out = impl.name_values;
  out.clear();
  for (const auto& [name, value] : headers) {
    out.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                   reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                   value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return out;
}

int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Impl& impl = impl_of(user);
  impl.streams.try_emplace(frame->hd.stream_id);
  impl.header_text.clear();
  impl.header_lengths.clear();
  return 0;
}

int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
              std::size_t name_length, const std::uint8_t* value, std::size_t value_length,
              std::uint8_t, void* user) {
  Impl& impl = impl_of(user);
  if (impl.header_text.size() + name_length + value_length + 32 > impl.limits.header_bytes_max) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // this stream alone is reset
  }
  impl.header_text.append(reinterpret_cast<const char*>(name), name_length);
  impl.header_text.append(reinterpret_cast<const char*>(value), value_length);
  impl.header_lengths.emplace_back(name_length, value_length);
  return 0;
}

void headers_complete(Impl& impl, StreamId id) {
  auto found = impl.streams.find(id);
  if (found == impl.streams.end()) return;
  const bool trailing = std::exchange(found->second.has_headers, true);
  impl.header_views.clear();
  std::string_view text = impl.header_text;
  std::size_t at = 0;
  for (auto [name, value] : impl.header_lengths) {
    impl.header_views.emplace_back(text.substr(at, name), text.substr(at + name, value));
    at += name + value;
  }
  impl.events.on_headers(id, impl.header_views, trailing);
}

int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Impl& impl = impl_of(user);
  const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      headers_complete(impl, frame->hd.stream_id);
      break;
    case NGHTTP2_PING:
      if (frame->hd.flags & NGHTTP2_FLAG_ACK) impl.events.on_ping_ack();
      break;
    case NGHTTP2_GOAWAY:
      impl.events.on_goaway(frame->goaway.last_stream_id);
      break;
    default:
      break;
  }
  if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) && end &&
      impl.streams.contains(frame->hd.stream_id)) {
    impl.events.on_end(frame->hd.stream_id);
  }
  return 0;
}

int on_data_chunk(nghttp2_session*, std::uint8_t, StreamId id, const std::uint8_t* data,
                  std::size_t length, void* user) {
  Impl& impl = impl_of(user);
  impl.events.on_data(id, {reinterpret_cast<const char*>(data), length});
  return 0;
}

int on_stream_close(nghttp2_session*, StreamId id, std::uint32_t error, void* user) {
  Impl& impl = impl_of(user);
  if (impl.streams.erase(id) > 0) impl.events.on_close(id, error);
  return 0;
}

ssize_t read_body(nghttp2_session* session, StreamId id, std::uint8_t* buffer, std::size_t length,
                  std::uint32_t* flags, nghttp2_data_source*, void* user) {
  Impl& impl = impl_of(user);
  auto found = impl.streams.find(id);
  if (found == impl.streams.end() || found->second.body == nullptr)
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  impl.chunk.clear();
  BodySource::State state = found->second.body->read(impl.chunk, length);
  CHECK(impl.chunk.size() <= length);
  // The body may have opened or closed streams while it was read: look again.
  found = impl.streams.find(id);
  if (state == BodySource::State::kWait && impl.chunk.empty()) {
    if (found != impl.streams.end()) found->second.waiting = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  std::memcpy(buffer, impl.chunk.data(), impl.chunk.size());
  if (state == BodySource::State::kEnd) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (found != impl.streams.end() && !found->second.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      Headers trailers(found->second.trailers.begin(), found->second.trailers.end());
      const auto& nv = name_values(impl, trailers);
      nghttp2_submit_trailer(session, id, nv.data(), nv.size());
    }
  }
  return static_cast<ssize_t>(impl.chunk.size());
}

}  // namespace

Session::Session(Role role, SessionLimits limits, SessionEvents& events)
    : impl_(std::make_unique<Impl>(role, limits, events)) {
  nghttp2_session_callbacks* callbacks;
  CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
  nghttp2_option* option;
  CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  // Its rules refuse an :authority that clients of etcd send; ours are in request_rules.hh.
  nghttp2_option_set_no_http_messaging(option, 1);
  if (role == Role::kServer) {
    CHECK(nghttp2_session_server_new2(&impl_->session, callbacks, impl_.get(), option) == 0);
  } else {
    CHECK(nghttp2_session_client_new2(&impl_->session, callbacks, impl_.get(), option) == 0);
  }
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_option_del(option);
  std::vector<nghttp2_settings_entry> settings{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.header_bytes_max},
  };
  // The number of streams is not announced: a client that waits for one of its streams to end, so
  // that it may open the next one, would wait forever for its own watches.
  if (role == Role::kClient) settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  nghttp2_submit_settings(impl_->session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(impl_->session, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(limits.connection_window));
}

Session::~Session() { nghttp2_session_del(impl_->session); }

bool Session::feed(std::string_view bytes, Instant now) {
  if (impl_->broken) return false;
  if (!impl_->meter.on_received(bytes, now)) {
    impl_->broken = true;
    nghttp2_session_terminate_session(impl_->session, kEnhanceYourCalm);
    return false;
  }
  ssize_t n = nghttp2_session_mem_recv(
      impl_->session, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (n < 0) {
    impl_->broken = true;
    if (n == NGHTTP2_ERR_BAD_CLIENT_MAGIC) return false;
    nghttp2_session_terminate_session(impl_->session, kProtocolError);
    return false;
  }
  return true;
}

void Session::drain(std::string& out) {
  while (out.size() < impl_->limits.output_bytes_max) {
    const std::uint8_t* data;
    ssize_t n = nghttp2_session_mem_send(impl_->session, &data);
    if (n <= 0) {
      if (n < 0) impl_->broken = true;
      return;
    }
    out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
  }
}

bool Session::finished() const {
  return impl_->broken || (nghttp2_session_want_read(impl_->session) == 0 &&
                           nghttp2_session_want_write(impl_->session) == 0);
}

StreamId Session::request(const Headers& headers, BodySource* body) {
  const auto& nv = name_values(*impl_, headers);
  nghttp2_data_provider provider{{.ptr = nullptr}, read_body};
  StreamId id = nghttp2_submit_request(impl_->session, nullptr, nv.data(), nv.size(),
                                       body != nullptr ? &provider : nullptr, nullptr);
  if (id < 0) return 0;
  impl_->streams[id].body = body;
  return id;
}

bool Session::respond(StreamId id, const Headers& headers, BodySource* body) {
  auto found = impl_->streams.find(id);
  if (found == impl_->streams.end()) return false;
  found->second.body = body;
  const auto& nv = name_values(*impl_, headers);
  nghttp2_data_provider provider{{.ptr = nullptr}, read_body};
  return nghttp2_submit_response(impl_->session, id, nv.data(), nv.size(),
                                 body != nullptr ? &provider : nullptr) == 0;
}

void Session::set_trailers(StreamId id, const Headers& headers) {
  auto found = impl_->streams.find(id);
  if (found == impl_->streams.end()) return;
  found->second.trailers.assign(headers.begin(), headers.end());
}

void Session::resume(StreamId id) {
  auto found = impl_->streams.find(id);
  if (found == impl_->streams.end() || !found->second.waiting) return;
  found->second.waiting = false;
  nghttp2_session_resume_data(impl_->session, id);
}

void Session::reset(StreamId id, std::uint32_t error) {
  nghttp2_submit_rst_stream(impl_->session, NGHTTP2_FLAG_NONE, id, error);
}

void Session::consumed(StreamId id, std::size_t bytes) {
  nghttp2_session_consume(impl_->session, id, bytes);
}

void Session::consumed_by_connection(std::size_t bytes) {
  nghttp2_session_consume_connection(impl_->session, bytes);
}

void Session::on_sent(std::size_t bytes) { impl_->meter.on_sent(bytes); }

void Session::ping() { nghttp2_submit_ping(impl_->session, NGHTTP2_FLAG_NONE, nullptr); }

void Session::goaway() {
  nghttp2_submit_goaway(impl_->session, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(impl_->session), kNoError, nullptr,
                        0);
}

void Session::terminate(std::uint32_t error) {
  nghttp2_session_terminate_session(impl_->session, error);
}

std::int32_t Session::window(StreamId id) const {
  return std::min(nghttp2_session_get_stream_remote_window_size(impl_->session, id),
                  nghttp2_session_get_remote_window_size(impl_->session));
}

}  // namespace polis::http
