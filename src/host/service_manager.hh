#pragma once

// Tells the service manager that started this process (systemd with Type=notify) how it stands.
// Without one, nothing is done.
//
// Threads: the reactor's.

#include <memory>
#include <string>
#include <string_view>

#include "io/notify_socket.hh"
#include "io/reactor.hh"

namespace polis::host {

class ServiceManager {
 public:
  // As the environment says. From now on the watchdog is answered, if there is one: from the loop,
  // so that a loop that stands still is noticed.
  explicit ServiceManager(io::Reactor& reactor);

  void ready();
  // What the process does now, one line for people.
  void status(std::string_view text);
  void stopping();

 private:
  void tell(const std::string& lines);
  void feed_watchdog();

  io::Reactor& reactor_;
  std::unique_ptr<io::NotifySocket> socket_;
  std::string status_;
  bool complained_ = false;
  std::optional<Duration> watchdog_;
  std::unique_ptr<io::Timer> watchdog_timer_;
};

}  // namespace polis::host
