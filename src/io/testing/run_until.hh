#pragma once

// For tests: a real loop that runs until something holds.

#include <functional>
#include <memory>

#include "io/reactor.hh"

namespace polis::io {

// Looks every few milliseconds. False: `condition` does not hold after `limit`.
inline bool run_until(Reactor& reactor, const std::function<bool()>& condition,
                      Duration limit = std::chrono::seconds(30)) {
  const Instant deadline = reactor.now() + limit;
  std::unique_ptr<Timer> timer;
  std::function<void()> look = [&] {
    if (condition() || reactor.now() > deadline) return reactor.stop();
    timer = reactor.after(std::chrono::milliseconds(1), look);
  };
  reactor.post(look);
  reactor.run();
  return condition();
}

}  // namespace polis::io
