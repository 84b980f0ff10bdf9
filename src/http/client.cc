#include <fmt/format.h>

#include "http/client.hh"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/check.hh"

namespace polis::http {
namespace {

// How a server that speaks TLS answers who does not: the first bytes of an alert (RFC 8446, section
// 5.1).
constexpr std::string_view kTlsAlert = "\x15\x03";

struct OpenCall final : BodySource {
  OpenCall(std::size_t message_max) : reader(message_max) {}
  GrpcReader reader;
  std::string queue;
  bool half_closed = false;
  // Of a stream; or, of a unary call, the answer and who waits for it.
  std::function<void(std::string_view)> on_message;
  std::function<void(const GrpcStatus&)> closed;
  ClientConnection::UnaryDone done;
  std::string response;
  GrpcStatus status;  // as it arrived
  bool has_status = false;
  bool ended = false;  // who called was told; kept until the session asks its body for no more
  Instant deadline = Instant::max();

  State read(std::string& out, std::size_t bytes_max) override {
    std::size_t n = std::min(bytes_max, queue.size());
    out.append(queue, 0, n);
    queue.erase(0, n);
    if (!queue.empty()) return State::kMore;
    return half_closed ? State::kEnd : State::kWait;
  }

  // Tells who called. May destroy everything but this object.
  void finish(const GrpcStatus& how) {
    ended = true;
    on_message = nullptr;
    if (auto told = std::exchange(done, nullptr)) return told(how, response);
    if (auto told = std::exchange(closed, nullptr)) told(how);
  }
};

}  // namespace

struct ClientConnection::Impl final : SessionEvents {
  io::Loop& loop;
  io::Network& network;
  io::Address address;
  ClientOptions options;
  std::string authority;
  Session session;
  std::unique_ptr<io::Connecting> connecting;
  std::unique_ptr<io::Stream> stream;
  std::unique_ptr<io::Timer> timer;
  bool spoken = false;  // the other side has said something
  std::string out;
  std::size_t out_at = 0;
  bool blocked = false, failed = false, pinged = false;
  bool dirty = false;  // a flush is posted
  Instant heard;
  // Shared with callbacks on the stack. Those that ended stay until their stream is gone.
  absl::flat_hash_map<StreamId, std::shared_ptr<OpenCall>> calls;
  std::size_t with_deadline = 0;
  Headers request_headers;  // of the call that begins
  std::shared_ptr<bool> alive =
      std::make_shared<bool>(true);  // shared with ClientCalls and events that may outlive it

  Impl(io::Loop& r, io::Network& n, io::Address a, ClientOptions o)
      : loop(r),
        network(n),
        address(std::move(a)),
        options(std::move(o)),
        authority(address.authority()),
        session(Session::Role::kClient, options.session, *this),
        heard(r.now()) {
    connecting = network.connect(
        address, options.connect_timeout, [this](Result<std::unique_ptr<io::Stream>> connected) {
          if (!connected) {
            GrpcStatus status = grpc_status(GrpcCode::kUnavailable, connected.error().text);
            status.refused = true;
            return fail(status);
          }
          stream = std::move(*connected);
          stream->start({[this](std::string_view bytes) { on_bytes(bytes); },
                         [this](const std::string& reason) { lose(reason); },
                         [this] {
                           blocked = false;
                           flush();
                         }});
          flush();
        });
    tick();
  }

  void tick() {
    Instant now = loop.now();
    if (with_deadline > 0) expire(now);
    if (!failed && stream && !calls.empty()) {
      if (pinged && now - heard > options.keepalive_interval + options.keepalive_timeout) {
        fail("no answer to a keep-alive ping");
      } else if (!pinged && now - heard > options.keepalive_interval) {
        pinged = true;
        session.ping();
        flush();
      }
    }
    if (failed) return;
    timer = loop.after(std::chrono::milliseconds(20), [this] {
      auto keep = std::move(timer);
      tick();
    });
  }

  void expire(Instant now) {
    std::vector<StreamId> late;
    for (auto& [id, call] : calls) {
      if (!call->ended && now >= call->deadline) late.push_back(id);
    }
    std::sort(late.begin(), late.end());
    for (StreamId id : late) {
      session.reset(id, kCancel);
      end(id, grpc_status(GrpcCode::kDeadlineExceeded, "context deadline exceeded"));
    }
    flush();
  }

  void on_bytes(std::string_view bytes) {
    heard = loop.now();
    pinged = false;
    if (!std::exchange(spoken, true) && bytes.starts_with(kTlsAlert))
      return fail(
          fmt::format("{} speaks TLS; write {}", address.text(), address.with_tls(true).text()));
    std::weak_ptr<bool> still = alive;
    bool good = session.feed(bytes, heard);
    if (still.expired()) return;
    mark_dirty();
    if (!good) fail(address.text() + " does not speak gRPC over HTTP/2, or broke the protocol");
  }

  // What is written from now until the posted event comes leaves with it.
  void mark_dirty() {
    if (std::exchange(dirty, true)) return;
    loop.post([this, still = std::weak_ptr(alive)] {
      if (!still.expired()) flush();
    });
  }

  void flush() {
    dirty = false;
    if (!stream || blocked || failed) return;
    while (true) {
      if (out_at == out.size()) {
        out.clear();
        out_at = 0;
        session.drain(out);
        if (out.empty()) break;
      }
      const std::size_t sent = stream->write(std::string_view(out).substr(out_at));
      session.on_sent(sent);
      out_at += sent;
      if (out_at < out.size()) {
        blocked = true;
        return;
      }
    }
  }

  void lose(const std::string& reason) {
    fail(fmt::format(
        "the connection to {} ended before the answer came ({}): whether the request was "
        "carried out is not known{}",
        address.text(), reason,
        spoken || address.tls
            ? ""
            : fmt::format("; if it speaks TLS, write {}", address.with_tls(true).text())));
  }

  void fail(const std::string& reason) { fail(grpc_status(GrpcCode::kUnavailable, reason)); }
  void fail(const GrpcStatus& status) {
    if (failed) return;
    failed = true;
    std::map<StreamId, std::shared_ptr<OpenCall>> open(calls.begin(), calls.end());
    calls.clear();
    for (auto& [id, call] : open) {
      if (!call->ended) call->finish(status);
    }
  }

  std::shared_ptr<OpenCall> begin(std::string_view path, Duration timeout, const Fields& metadata,
                                  StreamId& id) {
    auto call = std::make_shared<OpenCall>(options.message_bytes_max);
    std::string deadline = timeout > Duration::zero() ? format_grpc_timeout(timeout) : "";
    request_headers.assign({{":method", "POST"},
                            {":scheme", address.tls ? "https" : "http"},
                            {":path", path},
                            {":authority", authority},
                            {"content-type", "application/grpc"},
                            {"te", "trailers"},
                            {"user-agent", "polis"}});
    if (timeout > Duration::zero()) {
      request_headers.emplace_back("grpc-timeout", deadline);
      call->deadline = loop.now() + timeout;
      ++with_deadline;
    }
    request_headers.insert(request_headers.end(), metadata.begin(), metadata.end());
    id = failed ? 0 : session.request(request_headers, call.get());
    if (id != 0) calls[id] = call;
    mark_dirty();
    return call;
  }

  void end(StreamId id, const GrpcStatus& status) {
    auto found = calls.find(id);
    if (found == calls.end() || found->second->ended) return;
    auto call = found->second;
    if (call->deadline != Instant::max()) --with_deadline;
    call->finish(status);
  }
  // The stream ended as the peer wanted it to.
  void end_as_told(StreamId id) {
    auto found = calls.find(id);
    if (found == calls.end() || found->second->ended) return;
    if (found->second->has_status) return end(id, GrpcStatus(std::move(found->second->status)));
    end(id, grpc_status(GrpcCode::kUnavailable, "the call ended without a status"));
  }

  void on_headers(StreamId id, const Headers& headers, bool) override {
    auto found = calls.find(id);
    if (found == calls.end()) return;
    for (const auto& [name, value] : headers) {
      if (name == "grpc-status") {
        int code = 2;
        std::from_chars(value.data(), value.data() + value.size(), code);
        found->second->status.code = code;
        found->second->has_status = true;
      } else if (name == "grpc-message") {
        found->second->status.message = percent_decode(value);
        found->second->has_status = true;
      } else if (name == ":status" && value != "200") {
        found->second->status =
            grpc_status(GrpcCode::kUnavailable, "HTTP status " + std::string(value));
        found->second->has_status = true;
      }
    }
  }

  void on_data(StreamId id, std::string_view bytes) override {
    session.consumed(id, bytes.size());
    auto found = calls.find(id);
    if (found == calls.end() || found->second->ended) return;
    auto call = found->second;
    call->reader.add(bytes);
    std::string_view message;
    while (!call->ended) {
      auto outcome = call->reader.next(message);
      if (outcome == GrpcReader::Outcome::kMore) break;
      if (outcome != GrpcReader::Outcome::kMessage) {
        session.reset(id, kCancel);
        return end(id, grpc_status(GrpcCode::kInternal, "the answer is too large or compressed"));
      }
      if (call->done) {
        call->response = message;
      } else if (auto on_message = call->on_message) {  // a copy: it may end the call
        on_message(message);
      }
    }
  }

  void on_end(StreamId id) override { end_as_told(id); }
  void on_close(StreamId id, std::uint32_t error) override {
    auto found = calls.find(id);
    if (found == calls.end()) return;
    if (error == kRefusedStream && !found->second->has_status) {
      GrpcStatus status = grpc_status(
          GrpcCode::kUnavailable,
          address.text() + " stops, or serves too many requests: it did not begin with this one");
      status.refused = true;
      end(id, status);
    } else if (error != kNoError && !found->second->has_status) {
      end(id, grpc_status(error == kCancel ? GrpcCode::kCancelled : GrpcCode::kUnavailable,
                          "the stream was reset"));
    } else {
      end_as_told(id);
    }
    calls.erase(id);
  }
  void on_ping_ack() override {}
  void on_goaway(StreamId) override { going_away = true; }
  bool going_away = false;
};

ClientConnection::ClientConnection(io::Loop& loop, io::Network& network, io::Address address,
                                   ClientOptions options)
    : impl_(std::make_unique<Impl>(loop, network, std::move(address), std::move(options))) {}

ClientConnection::~ClientConnection() { impl_->alive.reset(); }

void ClientConnection::unary(std::string_view path, std::string_view request, Duration timeout,
                             UnaryDone done) {
  if (impl_->failed)
    return done(grpc_status(GrpcCode::kUnavailable,
                            "connection to " + impl_->address.text() + " is closed"),
                {});
  StreamId id;
  auto call = impl_->begin(path, timeout, {}, id);
  if (id == 0)
    return done(grpc_status(GrpcCode::kUnavailable, "connection takes no more calls"), {});
  append_grpc_prefix(call->queue, request.size());
  call->queue += request;
  call->half_closed = true;
  call->done = std::move(done);
}

namespace {

class StreamCall final : public ClientCall {
 public:
  StreamCall(ClientConnection::Impl& impl, StreamId id, std::shared_ptr<OpenCall> call)
      : impl_(impl), alive_(impl.alive), id_(id), call_(std::move(call)) {}
  ~StreamCall() override {
    if (!open()) return;
    impl_.session.reset(id_, kCancel);
    call_->closed = nullptr;
    impl_.end(id_, {});
    impl_.mark_dirty();
  }
  void send(std::string_view message) override {
    if (!open()) return;
    append_grpc_prefix(call_->queue, message.size());
    call_->queue += message;
    impl_.session.resume(id_);
    impl_.mark_dirty();
  }
  void half_close() override {
    if (!open()) return;
    call_->half_closed = true;
    impl_.session.resume(id_);
    impl_.mark_dirty();
  }

 private:
  bool open() const { return !alive_.expired() && !call_->ended && impl_.calls.contains(id_); }

  ClientConnection::Impl& impl_;
  std::weak_ptr<bool> alive_;
  StreamId id_;
  std::shared_ptr<OpenCall> call_;
};

}  // namespace

std::unique_ptr<ClientCall> ClientConnection::stream(
    std::string_view path, std::function<void(std::string_view)> on_message,
    std::function<void(const GrpcStatus&)> closed, const Fields& metadata) {
  StreamId id;
  auto call = impl_->begin(path, Duration::zero(), metadata, id);
  call->on_message = std::move(on_message);
  call->closed = std::move(closed);
  if (id == 0) {
    impl_->loop.post([call, text = impl_->address.text()] {
      if (call->closed)
        call->closed(grpc_status(GrpcCode::kUnavailable, "connection to " + text + " is closed"));
    });
  }
  return std::make_unique<StreamCall>(*impl_, id, call);
}

bool ClientConnection::connected() const { return impl_->stream != nullptr; }
bool ClientConnection::failed() const { return impl_->failed || impl_->going_away; }

bool ClientConnection::idle() const {
  return std::all_of(impl_->calls.begin(), impl_->calls.end(),
                     [](const auto& one) { return one.second->ended; });
}

}  // namespace polis::http
