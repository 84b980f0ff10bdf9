#include "io/notify_socket.hh"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace polis::io {
namespace {

std::optional<std::uint64_t> number_in(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  std::uint64_t number = 0;
  const char* end = text + std::strlen(text);
  auto [at, error] = std::from_chars(text, end, number);
  if (error != std::errc() || at != end) return std::nullopt;
  return number;
}

}  // namespace

Result<std::unique_ptr<NotifySocket>> NotifySocket::open(std::string_view address) {
  const bool absolute = address.starts_with('/'), abstract = address.starts_with('@');
  if (address.size() < 2 || !(absolute || abstract) ||
      address.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("NOTIFY_SOCKET is '{}': neither a path nor '@' and a name", address));
  }
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return fail(ErrorCode::kIo, fmt::format("cannot make a socket: {}", std::strerror(errno)));
  std::string name(address);
  if (abstract) name[0] = '\0';
  return std::unique_ptr<NotifySocket>(new NotifySocket(fd, std::move(name)));
}

NotifySocket::~NotifySocket() { ::close(fd_); }

Result<void> NotifySocket::send(std::string_view lines) const {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  if (::sendto(fd_, lines.data(), lines.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&to),
               length) >= 0)
    return {};
  return fail(ErrorCode::kIo, fmt::format("cannot tell the service manager at {}: {}",
                                          address_[0] == '\0' ? "@" + address_.substr(1) : address_,
                                          std::strerror(errno)));
}

std::optional<std::string> notify_address() {
  const char* text = std::getenv("NOTIFY_SOCKET");
  if (text == nullptr || *text == '\0') return std::nullopt;
  return text;
}

std::int64_t monotonic_microseconds() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

std::optional<Duration> watchdog_interval() {
  const auto microseconds = number_in("WATCHDOG_USEC");
  if (!microseconds || *microseconds == 0 || *microseconds > UINT32_MAX * 1000ULL)
    return std::nullopt;
  const auto process = number_in("WATCHDOG_PID");
  if (process && *process != static_cast<std::uint64_t>(::getpid())) return std::nullopt;
  return std::chrono::microseconds(*microseconds);
}

}  // namespace polis::io
