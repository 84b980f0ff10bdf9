#pragma once

// Where a service manager (systemd) wants to hear how this process stands: the datagram socket that
// NOTIFY_SOCKET names. See sd_notify(3) for what is said there.
//
// Threads: any.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hh"
#include "base/time.hh"

namespace polis::io {

class NotifySocket {
 public:
  // A path, or '@' and a name for one in the abstract namespace. kInvalid: it is neither, or too
  // long. kIo: the system gives no socket.
  static Result<std::unique_ptr<NotifySocket>> open(std::string_view address);
  ~NotifySocket();
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  // Lines NAME=VALUE. Never waits. kIo: nobody listens there, or it takes no more now.
  Result<void> send(std::string_view lines) const;

 private:
  NotifySocket(int fd, std::string address) : fd_(fd), address_(std::move(address)) {}
  int fd_;
  std::string address_;  // of the system's form: '@' is a zero byte
};

// What the environment says: NOTIFY_SOCKET, or nothing.
std::optional<std::string> notify_address();

// How often the service manager wants to hear that this process lives (WATCHDOG_USEC, if
// WATCHDOG_PID names this process or nobody); nothing if it does not ask.
std::optional<Duration> watchdog_interval();

}  // namespace polis::io
