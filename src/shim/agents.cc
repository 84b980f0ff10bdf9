#include "shim/agents.hh"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace polis::shim {
namespace {

constexpr int kBacklog = 8;
constexpr std::size_t kAnswerBytesMax = 64;

}  // namespace

int Agents::open() {
  listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener_.open()) return errno;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, kSocketFile, std::strlen(kSocketFile));
  ::unlink(kSocketFile);  // the lock says that nobody listens there
  const mode_t before = ::umask(0177);
  const int bound = ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(before);
  if (bound != 0) return error;
  return ::listen(listener_.get(), kBacklog) == 0 ? 0 : errno;
}

std::size_t Agents::wait_for(pollfd* waits) const {
  std::size_t count = 0;
  for (const Connection& connection : connections_) {
    if (!connection.socket.open()) continue;
    const bool reads = connection.in_size < sizeof connection.in && !connection.leaving;
    waits[count++] = {
        connection.socket.get(),
        static_cast<short>((reads ? POLLIN : 0) | (connection.out_size > 0 ? POLLOUT : 0)), 0};
  }
  waits[count++] = {listener_.get(), POLLIN, 0};
  return count;
}

void Agents::on_ready(const Listeners& listeners, Nanoseconds now) {
  for (Connection& connection : connections_) {
    if (connection.socket.open()) read(connection);
    if (connection.socket.open() && !connection.agent && !connection.leaving)
      greet(connection, listeners);
    if (connection.socket.open()) write(connection);
  }
  accept(now);
}

// Who has greeted nobody yet makes room for who comes.
Agents::Connection& Agents::place() {
  Connection* oldest = nullptr;
  for (Connection& connection : connections_) {
    if (!connection.socket.open()) return connection;
    if (!connection.agent && (oldest == nullptr || connection.since < oldest->since))
      oldest = &connection;
  }
  drop(*oldest);  // there is one: only one connection is an agent's
  return *oldest;
}

void Agents::accept(Nanoseconds now) {
  for (std::size_t i = 0; i < kConnectionsMax; ++i) {
    const int socket = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) return;
    Connection& connection = place();
    connection.socket.reset(socket);
    connection.since = now;
    ucred peer{};
    socklen_t size = sizeof peer;
    ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    connection.process = static_cast<std::uint64_t>(peer.pid);
    if (peer.uid != 0 && peer.uid != ::geteuid()) refuse(connection, Refused::kNotYours);
  }
}

void Agents::read(Connection& connection) {
  if (connection.in_size == sizeof connection.in) return;
  const ssize_t n = ::recv(connection.socket.get(), connection.in + connection.in_size,
                           sizeof connection.in - connection.in_size, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return drop(connection);
  if (connection.leaving) return;  // what it says is nobody's business any more
  connection.in_size += static_cast<std::size_t>(n);
}

void Agents::write(Connection& connection) {
  if (connection.out_size > 0) {
    const ssize_t n = ::send(connection.socket.get(), connection.out, connection.out_size,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return drop(connection);
    if (n > 0) {
      connection.out_size -= static_cast<std::size_t>(n);
      std::memmove(connection.out, connection.out + n, connection.out_size);
    }
  }
  if (connection.leaving && connection.out_size == 0) {
    // What it has sent and nobody reads would make a reset of the close, and of the refusal
    // nothing.
    ::shutdown(connection.socket.get(), SHUT_WR);
    char rest[256];
    while (::recv(connection.socket.get(), rest, sizeof rest, MSG_DONTWAIT) > 0) {
    }
    drop(connection);
  }
}

void Agents::drop(Connection& connection) {
  if (connection.agent) sent_size_ = 0;
  connection.socket.reset();
  connection.agent = connection.leaving = false;
  connection.in_size = connection.out_size = 0;
}

void Agents::put(Connection& connection, std::string_view frame) {
  if (frame.size() > sizeof connection.out - connection.out_size) return;
  std::memcpy(connection.out + connection.out_size, frame.data(), frame.size());
  connection.out_size += frame.size();
}

void Agents::refuse(Connection& connection, Refused reason) {
  char frame[kFrameBytesMax];
  const Connection* other = agent();
  const Refusal refusal{reason, kProtocolNewest, kProtocolOldest,
                        reason == Refused::kBusy && other != nullptr ? other->process : 0};
  put(connection, encode(refusal, frame, sizeof frame));
  connection.leaving = true;
}

void Agents::greet(Connection& connection, const Listeners& listeners) {
  Frame frame;
  Hello hello;
  const Framing framing = first_frame({connection.in, connection.in_size}, frame);
  if (framing == Framing::kMore) return;
  if (framing == Framing::kWrong || frame.type != FrameType::kHello || !decode(frame.body, hello))
    return refuse(connection, Refused::kMalformed);
  const std::uint64_t version = common_version(hello);
  if (version == 0) return refuse(connection, Refused::kVersion);
  const bool successor = hello.purpose == Purpose::kSuccessor;
  if (!successor && agent() != nullptr) return refuse(connection, Refused::kBusy);
  connection.in_size -= frame.size;
  std::memmove(connection.in, connection.in + frame.size, connection.in_size);
  char bytes[kFrameBytesMax];
  put(connection, encode(Welcome{version, POLIS_VERSION}, bytes, sizeof bytes));
  if (successor) {
    write(connection);
    if (!connection.socket.open()) return;
    listeners.hand_over(connection.socket.get());
    connection.leaving = true;
    return;
  }
  connection.agent = true;
  sent_size_ = 0;
}

void Agents::on_time(Nanoseconds now) {
  for (Connection& connection : connections_)
    if (connection.socket.open() && !connection.agent &&
        now - connection.since >= kGreetingPatience)
      drop(connection);
}

Nanoseconds Agents::wake_at() const {
  Nanoseconds at = kNever;
  for (const Connection& connection : connections_)
    if (connection.socket.open() && !connection.agent && connection.since + kGreetingPatience < at)
      at = connection.since + kGreetingPatience;
  return at;
}

Agents::Connection* Agents::agent() {
  for (Connection& connection : connections_)
    if (connection.agent) return &connection;
  return nullptr;
}

bool Agents::agent_there() const {
  for (const Connection& connection : connections_)
    if (connection.agent) return true;
  return false;
}

bool Agents::next_request(Request& request) {
  Connection* from = agent();
  if (from == nullptr || sizeof from->out - from->out_size < kAnswerBytesMax) return false;
  Frame frame;
  const Framing framing = first_frame({from->in, from->in_size}, frame);
  if (framing == Framing::kMore) return false;
  request = {};
  if (framing == Framing::kWrong || frame.type != FrameType::kRequest ||
      !decode(frame.body, request)) {
    drop(*from);  // it is no agent of ours: the bytes that follow mean nothing
    return false;
  }
  from->in_size -= frame.size;
  std::memmove(from->in, from->in + frame.size, from->in_size);
  return true;
}

void Agents::answer(const Answer& answer) {
  char frame[kAnswerBytesMax];
  Connection* to = agent();
  if (to == nullptr) return;
  put(*to, encode(answer, frame, sizeof frame));
  write(*to);
}

void Agents::maybe_send(const State& state) {
  Connection* to = agent();
  char frame[kFrameBytesMax];
  if (to == nullptr || sizeof to->out - to->out_size < sizeof frame) return;
  const std::string_view bytes = encode(state, frame, sizeof frame);
  if (bytes.size() == sent_size_ && std::memcmp(bytes.data(), sent_, sent_size_) == 0) return;
  std::memcpy(sent_, bytes.data(), bytes.size());
  sent_size_ = bytes.size();
  put(*to, bytes);
  write(*to);
}

void Agents::close() {
  for (Connection& connection : connections_)
    if (connection.socket.open()) write(connection);
  for (Connection& connection : connections_) drop(connection);
  listener_.reset();
  ::unlink(kSocketFile);
}

}  // namespace polis::shim
