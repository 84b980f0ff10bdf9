#include "shim/notify.hh"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "shim/descendants.hh"

namespace polis::shim {
namespace {

constexpr int kMessagesAtOnce = 32;          // in one turn
constexpr std::size_t kDescriptorsMax = 16;  // that may come with a message

Failure failed(int number) {
  Failure failure{Step::kNotify, number, {}};
  failure.what.assign(kNotifyFile);
  return failure;
}

// Nobody is to give us descriptors: those of BARRIER=1 are closed, which is the answer to it.
void close_descriptors(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor;
      std::memcpy(&descriptor, CMSG_DATA(part) + i * sizeof(int), sizeof descriptor);
      ::close(descriptor);
    }
  }
}

// 0: the system does not say.
pid_t sender_of(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
    ucred credentials;
    std::memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
    return credentials.pid;
  }
  return 0;
}

}  // namespace

Failure Notify::open(const Spec& spec, std::string_view directory) {
  from_ = spec.notify;
  if (from_ == NotifyFrom::kNobody) return {};
  socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_.open()) return failed(errno);
  const int on = 1;
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool own_user = spec.user == 0 || spec.user - 1 == ::geteuid();
  const std::string_view name = kNotifyFile;
  if (own_user && directory.size() + 1 + name.size() < sizeof address.sun_path) {
    ::unlink(kNotifyFile);
    std::memcpy(address.sun_path, name.data(), name.size());
    if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      return failed(errno);
    environment_.add("NOTIFY_SOCKET=").add(directory).add("/").add(name);
    return {};
  }
  // The system chooses a name.
  if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address.sun_family) != 0)
    return failed(errno);
  socklen_t size = sizeof address;
  ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  environment_.add("NOTIFY_SOCKET=@")
      .add({address.sun_path + 1, size - offsetof(sockaddr_un, sun_path) - 1});
  return {};
}

bool Notify::heard(pid_t sender, pid_t main) const {
  if (sender == main) return true;
  return from_ == NotifyFrom::kAll && sender > 0 && is_descendant(sender);
}

bool Notify::take(pid_t main, Nanoseconds now, State& state) {
  bool changed = false;
  for (int i = 0; i < kMessagesAtOnce; ++i) {
    char bytes[kNotifyBytesMax];
    alignas(cmsghdr) char
        control[CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(kDescriptorsMax * sizeof(int))];
    iovec part{bytes, sizeof bytes};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0) return changed;
    const pid_t sender = sender_of(message);
    if (heard(sender, main))
      take_notify(parse_notify({bytes, static_cast<std::size_t>(n)}),
                  static_cast<std::uint64_t>(now), state);
    else
      ++state.notify_refused;
    close_descriptors(message);
    changed = true;
  }
  return changed;
}

}  // namespace polis::shim
