#include "io/tcp.hh"

#include <fmt/format.h>

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>

#include "io/asio.hh"

namespace polis::io {
namespace {

// Bytes that one stream may deliver in a turn before the others have theirs.
constexpr int kReadsPerTurnMax = 4;
// Without a free descriptor: connections that are refused at a time, and the time between.
constexpr int kRefusedAtATime = 256;
constexpr Duration kRefuseInterval = std::chrono::milliseconds(50);

class AsioStream final : public TcpStream, public std::enable_shared_from_this<AsioStream> {
 public:
  AsioStream(Reactor& reactor, Tcp::socket socket)
      : impl_(reactor.impl()), socket_(std::move(socket)) {
    ErrorCodeAsio ignored;
    socket_.set_option(Tcp::no_delay(true), ignored);
    socket_.non_blocking(true, ignored);
    auto remote = socket_.remote_endpoint(ignored);
    peer_ = Address{remote.address().to_string(), remote.port()}.text();
  }

  void start(Handlers handlers) override {
    handlers_ = std::move(handlers);
    wait_readable();
  }

  std::size_t write(std::string_view bytes) override {
    if (closed_) return bytes.size();
    ErrorCodeAsio error;
    std::size_t n = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), error);
    if (error && error != asio::error::would_block) {
      fail_later(error.message());
      return bytes.size();
    }
    if (n < bytes.size() && !waiting_writable_) wait_writable();
    return n;
  }

  std::size_t unacknowledged() override {
    int bytes = 0;
    if (closed_ || ::ioctl(socket_.native_handle(), SIOCOUTQ, &bytes) != 0) return 0;
    return static_cast<std::size_t>(bytes);
  }

  void pause_reading() override { paused_ = true; }

  void resume_reading() override {
    if (!paused_) return;
    paused_ = false;
    if (!waiting_readable_) wait_readable();
  }

  void give_up_unacknowledged_after(Duration limit) override {
    auto milliseconds =
        static_cast<unsigned>(std::chrono::duration_cast<std::chrono::milliseconds>(limit).count());
    ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds,
                 sizeof milliseconds);
  }

  const std::string& peer() const override { return peer_; }

  void shut() {
    closed_ = true;
    handlers_ = {};
    ErrorCodeAsio ignored;
    socket_.close(ignored);
  }

 private:
  void wait_readable() {
    if (closed_ || paused_) return;
    waiting_readable_ = true;
    socket_.async_wait(Tcp::socket::wait_read, [self = shared_from_this()](ErrorCodeAsio error) {
      self->waiting_readable_ = false;
      if (!error) self->read();
    });
  }

  void read() {
    for (int i = 0; i < kReadsPerTurnMax && !closed_ && !paused_; ++i) {
      ErrorCodeAsio error;
      std::size_t n = socket_.read_some(asio::buffer(impl_.read_buffer), error);
      if (error == asio::error::would_block) break;
      if (error)
        return failed(error == asio::error::eof ? "closed by the other side" : error.message());
      if (handlers_.bytes) handlers_.bytes(std::string_view(impl_.read_buffer.data(), n));
      if (n < impl_.read_buffer.size()) break;
    }
    wait_readable();
  }

  void wait_writable() {
    waiting_writable_ = true;
    socket_.async_wait(Tcp::socket::wait_write, [self = shared_from_this()](ErrorCodeAsio error) {
      self->waiting_writable_ = false;
      if (!error && !self->closed_ && self->handlers_.writable) self->handlers_.writable();
    });
  }

  void failed(const std::string& reason) {
    if (closed_) return;
    auto closed = std::move(handlers_.closed);
    shut();
    if (closed) closed(reason);
  }

  void fail_later(std::string reason) {
    asio::post(impl_.context,
               [self = shared_from_this(), reason = std::move(reason)] { self->failed(reason); });
  }

  Reactor::Impl& impl_;
  Tcp::socket socket_;
  std::string peer_;
  Handlers handlers_;
  bool closed_ = false, paused_ = false, waiting_readable_ = false, waiting_writable_ = false;
};

// What the user owns. Asio's handlers may outlive it, so they share the stream itself.
class OwnedStream final : public TcpStream {
 public:
  OwnedStream(Reactor& reactor, Tcp::socket socket)
      : stream_(std::make_shared<AsioStream>(reactor, std::move(socket))) {}
  ~OwnedStream() override { stream_->shut(); }
  void start(Handlers handlers) override { stream_->start(std::move(handlers)); }
  std::size_t write(std::string_view bytes) override { return stream_->write(bytes); }
  std::size_t unacknowledged() override { return stream_->unacknowledged(); }
  void pause_reading() override { stream_->pause_reading(); }
  void resume_reading() override { stream_->resume_reading(); }
  void give_up_unacknowledged_after(Duration limit) override {
    stream_->give_up_unacknowledged_after(limit);
  }
  const std::string& peer() const override { return stream_->peer(); }

 private:
  std::shared_ptr<AsioStream> stream_;  // shared with handlers that Asio still holds
};

// A descriptor that is kept for the day when no other is free: it makes room for one connection,
// which is closed at once, so that its client learns that it is refused and does not wait in the
// system's queue.
class SpareDescriptor {
 public:
  SpareDescriptor() : fd_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}
  ~SpareDescriptor() { give(); }
  SpareDescriptor(SpareDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  SpareDescriptor& operator=(SpareDescriptor&&) = delete;

  // Refuses connections that wait at the listener, kRefusedAtATime at most.
  void refuse_from(int listener) {
    for (int i = 0; i < kRefusedAtATime; ++i) {
      give();
      const int refused = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (refused >= 0) ::close(refused);
      fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      if (refused < 0) return;
    }
  }

 private:
  void give() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int fd_;
};

class AsioListener final : public TcpListener {
 public:
  AsioListener(Reactor& reactor, Tcp::acceptor acceptor,
               std::function<void(std::unique_ptr<TcpStream>)> accepted)
      : state_(std::make_shared<State>(
            State{reactor, std::move(acceptor), std::move(accepted), {}, {}})) {
    ErrorCodeAsio ignored;
    state_->acceptor.non_blocking(true, ignored);
    accept(state_);
  }
  ~AsioListener() override {
    ErrorCodeAsio ignored;
    state_->acceptor.close(ignored);
    state_->accepted = nullptr;
    state_->retry.reset();
  }
  std::uint16_t port() const override { return state_->acceptor.local_endpoint().port(); }

 private:
  struct State {
    Reactor& reactor;
    Tcp::acceptor acceptor;
    std::function<void(std::unique_ptr<TcpStream>)> accepted;
    std::unique_ptr<Timer> retry;
    SpareDescriptor spare;
  };

  static bool means_no_descriptor(const ErrorCodeAsio& error) {
    return error.value() == EMFILE || error.value() == ENFILE;
  }

  static void accept(std::shared_ptr<State> state) {
    auto& acceptor = state->acceptor;
    acceptor.async_accept([state](ErrorCodeAsio error, Tcp::socket socket) {
      if (!state->accepted) return;
      if (error) {
        if (means_no_descriptor(error)) state->spare.refuse_from(state->acceptor.native_handle());
        state->retry = state->reactor.after(kRefuseInterval, [state] { accept(state); });
        return;
      }
      state->accepted(std::make_unique<OwnedStream>(state->reactor, std::move(socket)));
      if (state->accepted) accept(state);
    });
  }

  std::shared_ptr<State> state_;  // shared with the accept that is under way
};

class AsioConnecting final : public Connecting {
 public:
  AsioConnecting(Reactor& reactor, const Address& address, Duration timeout,
                 std::function<void(Result<std::unique_ptr<TcpStream>>)> done)
      : state_(std::make_shared<State>(State{reactor,
                                             address,
                                             Tcp::resolver(reactor.impl().context),
                                             Tcp::socket(reactor.impl().context),
                                             std::move(done),
                                             {}})) {
    auto state = state_;
    state->timeout = reactor.after(timeout, [state] { finish(state, "timed out"); });
    ErrorCodeAsio error;
    auto ip = asio::ip::make_address(address.host, error);
    if (!error) {
      connect(state, {Tcp::endpoint(ip, address.port)});
      return;
    }
    state->resolver.async_resolve(address.host, std::to_string(address.port),
                                  [state](ErrorCodeAsio failed, Tcp::resolver::results_type found) {
                                    if (failed) return finish(state, failed.message());
                                    std::vector<Tcp::endpoint> endpoints;
                                    for (auto& entry : found) endpoints.push_back(entry.endpoint());
                                    connect(state, std::move(endpoints));
                                  });
  }
  ~AsioConnecting() override { close(*state_); }

 private:
  struct State {
    Reactor& reactor;
    Address address;
    Tcp::resolver resolver;
    Tcp::socket socket;
    std::function<void(Result<std::unique_ptr<TcpStream>>)> done;
    std::unique_ptr<Timer> timeout;
  };

  static void close(State& state) {
    state.done = nullptr;
    state.timeout.reset();
    state.resolver.cancel();
    ErrorCodeAsio ignored;
    state.socket.close(ignored);
  }

  static void connect(std::shared_ptr<State> state, std::vector<Tcp::endpoint> endpoints) {
    if (!state->done) return;
    Tcp::endpoint first = endpoints.front();
    state->socket.async_connect(first, [state, endpoints](ErrorCodeAsio error) mutable {
      if (!state->done) return;
      if (error && endpoints.size() > 1) {
        ErrorCodeAsio ignored;
        state->socket.close(ignored);
        endpoints.erase(endpoints.begin());
        return connect(state, std::move(endpoints));
      }
      if (error) return finish(state, error.message());
      auto done = std::move(state->done);
      auto stream = std::make_unique<OwnedStream>(state->reactor, std::move(state->socket));
      state->timeout.reset();
      done(std::move(stream));
    });
  }

  static void finish(const std::shared_ptr<State>& state, const std::string& reason) {
    auto done = std::move(state->done);
    std::string text = fmt::format("cannot connect to {}: {}", state->address.text(), reason);
    close(*state);
    if (done) done(fail(ErrorCode::kUnavailable, text));
  }

  std::shared_ptr<State> state_;  // shared with the steps that are under way
};

Result<Tcp::endpoint> resolve_local(Reactor& reactor, const Address& address) {
  if (address.host.empty()) return Tcp::endpoint(Tcp::v4(), address.port);
  Tcp::resolver resolver(reactor.impl().context);
  ErrorCodeAsio error;
  auto found = resolver.resolve(address.host, std::to_string(address.port), error);
  if (error || found.empty()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("cannot resolve {}: {}", address.host, error.message()));
  }
  return found.begin()->endpoint();
}

}  // namespace

std::string Address::text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

Result<Address> parse_address(std::string_view text) {
  std::string_view given = text;
  for (std::string_view scheme : {"http://", "tcp://"}) {
    if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
  }
  std::size_t colon = text.rfind(':');
  unsigned port = 0;
  bool good = colon != std::string_view::npos;
  if (good) {
    std::string_view digits = text.substr(colon + 1);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    good = error == std::errc() && end == digits.data() + digits.size() && port <= 65535;
  }
  if (!good) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("'{}' is not an address; write HOST:PORT, for example 127.0.0.1:2379", given));
  }
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return Address{std::string(host), static_cast<std::uint16_t>(port)};
}

Result<std::unique_ptr<TcpListener>> listen_tcp(
    Reactor& reactor, const Address& address,
    std::function<void(std::unique_ptr<TcpStream>)> accepted) {
  auto endpoint = resolve_local(reactor, address);
  if (!endpoint) return std::unexpected(endpoint.error());
  Tcp::acceptor acceptor(reactor.impl().context);
  ErrorCodeAsio error;
  acceptor.open(endpoint->protocol(), error);
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(*endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error == asio::error::address_in_use) {
    return fail(
        ErrorCode::kUnavailable,
        fmt::format("address {} is in use by another process; stop it or choose another port",
                    address.text()));
  }
  if (error) {
    return fail(ErrorCode::kInvalid,
                fmt::format("cannot listen on {}: {}", address.text(), error.message()));
  }
  return std::make_unique<AsioListener>(reactor, std::move(acceptor), std::move(accepted));
}

std::unique_ptr<Connecting> connect_tcp(
    Reactor& reactor, const Address& address, Duration timeout,
    std::function<void(Result<std::unique_ptr<TcpStream>>)> done) {
  return std::make_unique<AsioConnecting>(reactor, address, timeout, std::move(done));
}

}  // namespace polis::io
