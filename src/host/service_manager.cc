#include "host/service_manager.hh"

#include <fmt/format.h>

#include <algorithm>

#include "host/log.hh"

namespace polis::host {
namespace {

constexpr std::size_t kStatusBytesMax = 1000;

}  // namespace

ServiceManager::ServiceManager(io::Reactor& reactor) : reactor_(reactor) {
  auto address = io::notify_address();
  if (!address) return;
  auto socket = io::NotifySocket::open(*address);
  if (!socket) {
    log_warn("{}", socket.error().text);
    return;
  }
  socket_ = std::move(*socket);
  watchdog_ = io::watchdog_interval();
  if (watchdog_) feed_watchdog();
}

void ServiceManager::ready() { tell("READY=1"); }
// With the time, as systemd wants it from services of Type=notify-reload.
void ServiceManager::reloading() {
  tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", io::monotonic_microseconds()));
}

void ServiceManager::stopping() { tell("STOPPING=1"); }

void ServiceManager::status(std::string_view text) {
  std::string line(text.substr(0, kStatusBytesMax));
  std::ranges::replace(line, '\n', ' ');
  if (std::exchange(status_, line) != line) tell("STATUS=" + line);
}

void ServiceManager::tell(const std::string& lines) {
  if (!socket_) return;
  auto told = socket_->send(lines);
  if (!told && !std::exchange(complained_, true)) log_warn("{}", told.error().text);
}

// Twice in each interval, as sd_watchdog_enabled(3) advises.
void ServiceManager::feed_watchdog() {
  tell("WATCHDOG=1");
  watchdog_timer_ = reactor_.after(*watchdog_ / 2, [this] {
    auto keep = std::move(watchdog_timer_);
    feed_watchdog();
  });
}

}  // namespace polis::host
