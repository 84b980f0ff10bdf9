#pragma once

// The datagram socket at which the service manager (systemd) wants to be told the state of this
// process. NOTIFY_SOCKET names it; sd_notify(3) describes the messages.
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
  // `address`: a path, or '@' and a name in the abstract namespace. kInvalid: it is neither, or too
  // long. kIo: the system gives no socket.
  static Result<std::unique_ptr<NotifySocket>> open(std::string_view address);
  ~NotifySocket();
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  // Sends lines of the form NAME=VALUE. Never waits. kIo: nobody listens there, or the socket takes
  // no more now.
  Result<void> send(std::string_view lines) const;

 private:
  NotifySocket(int fd, std::string address) : fd_(fd), address_(std::move(address)) {}
  int fd_;
  std::string address_;  // of the system's form: '@' is a zero byte
};

// NOTIFY_SOCKET from the environment. nullopt: it is not set.
std::optional<std::string> notify_address();

// CLOCK_MONOTONIC, which the notify protocol tells times by.
std::int64_t monotonic_microseconds();

// The service manager wants to hear at least this often that the process lives (WATCHDOG_USEC, if
// WATCHDOG_PID names this process or is not set). nullopt: it does not ask.
std::optional<Duration> watchdog_interval();

}  // namespace polis::io
