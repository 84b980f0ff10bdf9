#include "io/tcp.hh"

#include <fmt/format.h>

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/asio.hh"

namespace polis::io {
namespace {

// Without a free descriptor: connections that are refused at a time, and the time between.
constexpr int kRefusedAtATime = 256;
constexpr Duration kRefuseInterval = std::chrono::milliseconds(50);
// Of what the other side sent before it closed: reads, each of a read buffer at most.
constexpr int kLastReadsMax = 4;

class AsioStream final : public Stream, public std::enable_shared_from_this<AsioStream> {
 public:
  AsioStream(Reactor& reactor, StreamSocket socket, std::string peer)
      : impl_(reactor.impl()), socket_(std::move(socket)), peer_(std::move(peer)) {
    ErrorCodeAsio ignored;
    socket_.set_option(Tcp::no_delay(true), ignored);
    socket_.non_blocking(true, ignored);
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
      fail_after_last_words(error.message());
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
    socket_.async_wait(StreamSocket::wait_read, [self = shared_from_this()](ErrorCodeAsio error) {
      self->waiting_readable_ = false;
      if (!error) self->read();
    });
  }

  void read() {
    if (closed_ || paused_) return;
    ErrorCodeAsio error;
    std::size_t n = socket_.read_some(asio::buffer(impl_.read_buffer), error);
    if (error && error != asio::error::would_block)
      return failed(error == asio::error::eof ? "closed by the other side" : error.message());
    if (!error && handlers_.bytes) handlers_.bytes(std::string_view(impl_.read_buffer.data(), n));
    waiting_readable_ = true;
    impl_.after_turn.push_back([self = shared_from_this()] {
      self->waiting_readable_ = false;
      self->wait_readable();
    });
  }

  void wait_writable() {
    waiting_writable_ = true;
    socket_.async_wait(StreamSocket::wait_write, [self = shared_from_this()](ErrorCodeAsio error) {
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

  // Who closes a connection while more is on its way says before, most likely, why.
  void fail_after_last_words(std::string reason) {
    asio::post(impl_.context, [self = shared_from_this(), reason = std::move(reason)] {
      for (int i = 0; i < kLastReadsMax && !self->closed_ && !self->paused_; ++i) {
        ErrorCodeAsio error;
        const std::size_t n = self->socket_.read_some(asio::buffer(self->impl_.read_buffer), error);
        if (error || n == 0) break;
        if (self->handlers_.bytes)
          self->handlers_.bytes(std::string_view(self->impl_.read_buffer.data(), n));
      }
      self->failed(reason);
    });
  }

  Reactor::Impl& impl_;
  StreamSocket socket_;
  std::string peer_;
  Handlers handlers_;
  bool closed_ = false, paused_ = false, waiting_readable_ = false, waiting_writable_ = false;
};

std::string peer_of(const Tcp::socket& socket) {
  ErrorCodeAsio ignored;
  auto remote = socket.remote_endpoint(ignored);
  auto ip = remote.address();
  // How a socket for both families shows a peer that came by IPv4.
  if (ip.is_v6() && ip.to_v6().is_v4_mapped())
    ip = asio::ip::make_address_v4(asio::ip::v4_mapped, ip.to_v6());
  return Address{ip.to_string(), remote.port(), ""}.text();
}

std::string peer_of(const Unix::socket&) { return "unix"; }

// What the user owns. Asio's handlers may outlive it, so they share the stream itself.
class OwnedStream final : public Stream {
 public:
  template <typename Socket>
  OwnedStream(Reactor& reactor, Socket socket) {
    std::string peer = peer_of(socket);
    stream_ =
        std::make_shared<AsioStream>(reactor, StreamSocket(std::move(socket)), std::move(peer));
  }
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

template <typename Protocol>
class AsioListener final : public Listener {
 public:
  AsioListener(Reactor& reactor, typename Protocol::acceptor acceptor,
               std::function<void(std::unique_ptr<Stream>)> accepted)
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
  std::uint16_t port() const override {
    if constexpr (std::is_same_v<Protocol, Tcp>) return state_->acceptor.local_endpoint().port();
    return 0;
  }

 private:
  struct State {
    Reactor& reactor;
    typename Protocol::acceptor acceptor;
    std::function<void(std::unique_ptr<Stream>)> accepted;
    std::unique_ptr<Timer> retry;
    SpareDescriptor spare;
  };

  static bool means_no_descriptor(const ErrorCodeAsio& error) {
    return error.value() == EMFILE || error.value() == ENFILE;
  }

  static void accept(std::shared_ptr<State> state) {
    auto& acceptor = state->acceptor;
    acceptor.async_accept([state](ErrorCodeAsio error, typename Protocol::socket socket) {
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
                 std::function<void(Result<std::unique_ptr<Stream>>)> done)
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
    std::function<void(Result<std::unique_ptr<Stream>>)> done;
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

class UnixListener final : public Listener {
 public:
  UnixListener(std::string path, std::unique_ptr<Listener> listener)
      : path_(std::move(path)), listener_(std::move(listener)) {}
  ~UnixListener() override {
    listener_.reset();
    ::unlink(path_.c_str());
  }
  std::uint16_t port() const override { return 0; }

 private:
  std::string path_;
  std::unique_ptr<Listener> listener_;
};

// A path of at most kUnixPathMax bytes to the same file, while the object lives.
class ShortPath {
 public:
  explicit ShortPath(const std::string& path) : text_(path) {
    if (path.size() <= kUnixPathMax) return;
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return;
    folder_ = ::open(path.substr(0, slash + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    text_ = fmt::format("/proc/self/fd/{}/{}", folder_, path.substr(slash + 1));
  }
  ~ShortPath() {
    if (folder_ >= 0) ::close(folder_);
  }
  ShortPath(const ShortPath&) = delete;
  ShortPath& operator=(const ShortPath&) = delete;
  // A file's name that is too long by itself is cut, and not found then.
  std::string text() const { return text_.substr(0, kUnixPathMax); }

 private:
  std::string text_;
  int folder_ = -1;
};

class UnixConnecting final : public Connecting {
 public:
  UnixConnecting(Reactor& reactor, const Address& address,
                 std::function<void(Result<std::unique_ptr<Stream>>)> done)
      : state_(std::make_shared<State>(
            State{reactor, address, Unix::socket(reactor.impl().context), std::move(done)})) {
    // Asio connects to a unix socket at once, or not at all: the folder may be closed then.
    const ShortPath path(address.path);
    state_->socket.async_connect(
        Unix::endpoint(path.text()), [state = state_](ErrorCodeAsio error) {
          auto tell = std::move(state->done);
          if (!tell) return;
          if (error) {
            return tell(fail(
                ErrorCode::kUnavailable,
                fmt::format("cannot connect to {}: {}", state->address.text(), error.message())));
          }
          tell(std::make_unique<OwnedStream>(state->reactor, std::move(state->socket)));
        });
  }
  ~UnixConnecting() override {
    state_->done = nullptr;
    ErrorCodeAsio ignored;
    state_->socket.close(ignored);
  }

 private:
  struct State {
    Reactor& reactor;
    Address address;
    Unix::socket socket;
    std::function<void(Result<std::unique_ptr<Stream>>)> done;
  };
  std::shared_ptr<State> state_;  // shared with the attempt that is under way
};

// A socket file whose listener has gone is removed; anything else in its place is left alone.
Result<void> make_way(Reactor& reactor, const Address& address) {
  struct stat found;
  if (::lstat(address.path.c_str(), &found) != 0) return {};
  if (!S_ISSOCK(found.st_mode)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} is there and is no socket; remove it or choose another path",
                            address.path));
  }
  Unix::socket probe(reactor.impl().context);
  ErrorCodeAsio error;
  probe.connect(Unix::endpoint(address.path), error);
  if (!error) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("address {} is in use by another process; stop it or choose another "
                            "path",
                            address.text()));
  }
  ::unlink(address.path.c_str());
  return {};
}

Result<std::unique_ptr<Listener>> listen_unix(
    Reactor& reactor, const Address& address,
    std::function<void(std::unique_ptr<Stream>)> accepted) {
  if (auto free = make_way(reactor, address); !free) return std::unexpected(free.error());
  Unix::acceptor acceptor(reactor.impl().context);
  ErrorCodeAsio error;
  acceptor.open(Unix(), error);
  if (!error) acceptor.bind(Unix::endpoint(address.path), error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return fail(ErrorCode::kInvalid,
                fmt::format("cannot listen on {}: {}", address.text(), error.message()));
  }
  return std::make_unique<UnixListener>(
      address.path,
      std::make_unique<AsioListener<Unix>>(reactor, std::move(acceptor), std::move(accepted)));
}

Result<Tcp::endpoint> resolve_local(Reactor& reactor, const Address& address) {
  if (address.host.empty()) {
    // Both families, if this machine has both.
    ErrorCodeAsio no_ipv6;
    Tcp::socket probe(reactor.impl().context);
    probe.open(Tcp::v6(), no_ipv6);
    return Tcp::endpoint(no_ipv6 ? Tcp::v4() : Tcp::v6(), address.port);
  }
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

Result<std::unique_ptr<Listener>> TcpNetwork::listen(const Address& address, Accepted accepted) {
  if (address.is_unix()) return listen_unix(reactor_, address, std::move(accepted));
  auto endpoint = resolve_local(reactor_, address);
  if (!endpoint) return std::unexpected(endpoint.error());
  Tcp::acceptor acceptor(reactor_.impl().context);
  ErrorCodeAsio error;
  acceptor.open(endpoint->protocol(), error);
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error && address.unspecified() && endpoint->protocol() == Tcp::v6()) {
    ErrorCodeAsio ignored;
    acceptor.set_option(asio::ip::v6_only(false), ignored);
  }
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
  return std::make_unique<AsioListener<Tcp>>(reactor_, std::move(acceptor), std::move(accepted));
}

std::unique_ptr<Connecting> TcpNetwork::connect(const Address& address, Duration timeout,
                                                Connected done) {
  if (address.is_unix())
    return std::make_unique<UnixConnecting>(reactor_, address, std::move(done));
  return std::make_unique<AsioConnecting>(reactor_, address, timeout, std::move(done));
}

}  // namespace polis::io
