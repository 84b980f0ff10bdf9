#include "shim/listeners.hh"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace polis::shim {
namespace {

constexpr int kInheritMilliseconds = 2000;  // in which the predecessor must have answered
constexpr int kBacklogDefault = 4096;
constexpr std::uint32_t kName = 1;  // field of a kListeners frame, a list

Failure failure(Step step, int number, std::string_view what) {
  Failure failed{step, number, {}};
  failed.what.assign(what);
  return failed;
}

struct Where {
  sockaddr_storage address{};
  socklen_t size = 0;
  const char* path = nullptr;  // of a unix socket
};

// ADDRESS:PORT, [ADDRESS]:PORT or /PATH, with the final zero byte. False: none of these.
bool parse(std::string_view text, Where& where) {
  if (!is_c_string(text)) return false;
  if (text.data()[0] == '/') {
    auto* unix_address = reinterpret_cast<sockaddr_un*>(&where.address);
    if (text.size() > sizeof unix_address->sun_path) return false;
    unix_address->sun_family = AF_UNIX;
    std::memcpy(unix_address->sun_path, text.data(), text.size());
    where.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size());
    where.path = text.data();
    return true;
  }
  const auto* colon = static_cast<const char*>(::memrchr(text.data(), ':', text.size()));
  if (colon == nullptr) return false;
  std::uint32_t port = 0;
  for (const char* at = colon + 1; *at != 0; ++at) {
    if (*at < '0' || *at > '9' || port > 65535) return false;
    port = port * 10 + static_cast<std::uint32_t>(*at - '0');
  }
  if (port > 65535) return false;
  char host[INET6_ADDRSTRLEN + 1] = {};
  const bool brackets = text.data()[0] == '[';
  const char* begin = text.data() + brackets;
  const char* end = colon - brackets;
  if (end < begin || static_cast<std::size_t>(end - begin) >= sizeof host) return false;
  std::memcpy(host, begin, static_cast<std::size_t>(end - begin));
  auto* four = reinterpret_cast<sockaddr_in*>(&where.address);
  auto* six = reinterpret_cast<sockaddr_in6*>(&where.address);
  if (!brackets && ::inet_pton(AF_INET, host, &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(static_cast<std::uint16_t>(port));
    where.size = sizeof *four;
    return true;
  }
  if (!brackets || ::inet_pton(AF_INET6, host, &six->sin6_addr) != 1) return false;
  six->sin6_family = AF_INET6;
  six->sin6_port = htons(static_cast<std::uint16_t>(port));
  where.size = sizeof *six;
  return true;
}

// The socket, or minus an errno.
int listen_at(const Where& where, int backlog, bool reuse_port) {
  Descriptor socket(::socket(where.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.open()) return -errno;
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (reuse_port) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (where.path != nullptr) ::unlink(where.path);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&where.address), where.size) != 0 ||
      ::listen(socket.get(), backlog) != 0)
    return -errno;
  return socket.release();
}

// A connection to the shim of another instance, or minus an errno. However long the path of its
// directory is, this one is short.
int connect_to(std::string_view directory) {
  const Descriptor folder(::open(directory.data(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.open()) return -errno;
  Line path;
  path.add("/proc/self/fd/")
      .add(static_cast<std::uint64_t>(folder.get()))
      .add("/")
      .add(kSocketFile);
  Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.view().size() + 1);
  if (!connection.open() ||
      ::connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return -errno;
  return connection.release();
}

}  // namespace

void Listeners::hand_over(int connection) const {
  char frame[kFrameBytesMax];
  FieldWriter out(frame + kFrameHeader, sizeof frame - kFrameHeader);
  alignas(cmsghdr) char control[CMSG_SPACE(kListenersMax * sizeof(int))] = {};
  msghdr message{};
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(count_ * sizeof(int));
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(count_ * sizeof(int));
  for (std::size_t i = 0; i < count_; ++i) {
    out.element(kName, without_zero(name_[i]));
    const int descriptor = sockets_[i].get();
    std::memcpy(CMSG_DATA(part) + i * sizeof(int), &descriptor, sizeof descriptor);
  }
  if (count_ == 0) message.msg_control = nullptr, message.msg_controllen = 0;
  put_frame_header(frame, FrameType::kListeners, out.bytes().size());
  iovec bytes{frame, kFrameHeader + out.bytes().size()};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  [[maybe_unused]] const ssize_t n = ::sendmsg(connection, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// The frame comes in one piece, since it was sent in one.
void Listeners::take_from(int connection) {
  pollfd wait{connection, POLLIN, 0};
  char bytes[2 * kFrameBytesMax];
  std::size_t size = 0;
  for (Frame frame; ::poll(&wait, 1, kInheritMilliseconds) == 1;) {
    alignas(cmsghdr) char control[CMSG_SPACE(kListenersMax * sizeof(int))];
    iovec place{bytes + size, sizeof bytes - size};
    msghdr message{};
    message.msg_iov = &place;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = ::recvmsg(connection, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n <= 0) return;
    size += static_cast<std::size_t>(n);
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
      if (part->cmsg_type != SCM_RIGHTS) continue;
      const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count && i < kListenersMax; ++i) {
        int descriptor;
        std::memcpy(&descriptor, CMSG_DATA(part) + i * sizeof(int), sizeof descriptor);
        given_[i].reset(descriptor);
      }
    }
    while (first_frame({bytes, size}, frame) == Framing::kFrame) {
      if (frame.type == FrameType::kListeners) {
        for_each_field(frame.body, kName, [this](const Field& name) {
          if (given_count_ < kListenersMax) given_names_[given_count_++].assign(name.bytes);
        });
        return;
      }
      size -= frame.size;
      std::memmove(bytes, bytes + frame.size, size);
    }
    if (size == sizeof bytes) return;
  }
}

Failure Listeners::inherit(const Spec& spec) {
  const std::string_view name = without_zero(spec.inherit_from);
  const int connected = connect_to(spec.inherit_from);
  if (connected < 0) return failure(Step::kInherit, -connected, name);
  const Descriptor connection(connected);
  char frame[kFrameBytesMax];
  const Hello hello{kProtocolNewest,
                    kProtocolOldest,
                    Purpose::kSuccessor,
                    {},
                    static_cast<std::uint64_t>(::getpid())};
  const std::string_view bytes = encode(hello, frame, sizeof frame);
  if (::send(connection.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0)
    return failure(Step::kInherit, errno, name);
  take_from(connection.get());
  return given_count_ > 0 ? Failure{} : failure(Step::kInherit, ETIMEDOUT, name);
}

Failure Listeners::open(const Spec& spec, State& state) {
  Failure failed;
  if (!spec.inherit_from.empty() && spec.listeners > 0) failed = inherit(spec);
  for_each_field(spec.fields, kListener, [&](const Field& field) {
    if (!failed) failed = open_one(field, state);
  });
  for (Descriptor& given : given_) given.reset();
  state.listeners = count_;
  return failed;
}

Failure Listeners::open_one(const Field& field, State& state) {
  std::string_view name, address;
  std::uint64_t backlog = 0, reuse_port = 0;
  FieldReader in(field.bytes);
  for (Field part; in.next(part);) {
    if (part.number == kListenerName) name = part.bytes;
    if (part.number == kListenerAddress) address = part.bytes;
    if (part.number == kListenerBacklog) backlog = part.value;
    if (part.number == kListenerReusePort) reuse_port = part.value;
  }
  Where where;
  if (!is_c_string(name) || !parse(address, where))
    return failure(Step::kListen, EINVAL, address.empty() ? name : without_zero(address));
  Descriptor socket;
  for (std::size_t i = 0; i < given_count_; ++i) {
    if (given_names_[i].view() != without_zero(name)) continue;
    socket = static_cast<Descriptor&&>(given_[i]);
    if (socket.open()) ++state.listeners_inherited;
  }
  if (!socket.open()) {
    const int number =
        listen_at(where, backlog != 0 ? static_cast<int>(backlog & 0xffff) : kBacklogDefault,
                  reuse_port != 0);
    if (number < 0) return failure(Step::kListen, -number, without_zero(address));
    socket.reset(number);
  }
  names_.add(count_ == 0 ? "LISTEN_FDNAMES=" : ":").add(without_zero(name));
  name_[count_] = name;
  sockets_[count_++] = static_cast<Descriptor&&>(socket);
  return {};
}

}  // namespace polis::shim
