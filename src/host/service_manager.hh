#pragma once

// Tells the service manager that started this process (systemd with Type=notify) the state of the
// process. If no service manager asked for it, all functions do nothing. If it cannot be told, that
// is logged once.
//
// Threads: the loop's.

#include <memory>
#include <string>
#include <string_view>

#include "io/notify_socket.hh"
#include "io/reactor.hh"

namespace polis::host {

class ServiceManager {
 public:
  // Reads the environment (io/notify_socket.hh). If the service manager has a watchdog, it is
  // answered from now on, by a timer of the loop: so the service manager notices a loop that stands
  // still. `reactor` must outlive this object.
  explicit ServiceManager(io::Reactor& reactor);

  void ready();  // the process serves
  // A line for people: what the process does now. Cut after 1,000 bytes.
  void status(std::string_view text);
  // It reads its files again from now on, until the next call of ready().
  void reloading();
  void stopping();  // the process has begun to stop

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
