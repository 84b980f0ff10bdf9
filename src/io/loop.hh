#pragma once

// Time and turns: the one interface through which everything below cell/ waits. The real one is
// io::Reactor, the simulated one sim::World.
//
// Threads: post() from any thread; everything else, and every callback, on the loop's own thread.

#include <functional>
#include <memory>

#include "base/time.hh"

namespace polis::io {

// Destroying it cancels it.
class Timer {
 public:
  virtual ~Timer() = default;
};

class Loop {
 public:
  virtual ~Loop() = default;

  // CLOCK_BOOTTIME: goes on while the machine sleeps, never backwards.
  virtual Instant now() const = 0;
  // Calls `f` on the loop's thread, later.
  virtual void post(std::function<void()> f) = 0;
  // Calls `f` once, `delay` from now or a little later: up to a millisecond where `delay` is at
  // least kCoarseMin, and as soon as the system can below that. The long ones cost nothing when
  // they are made and destroyed, so a deadline that moves all the time can have one.
  static constexpr Duration kCoarseMin = std::chrono::milliseconds(3);
  [[nodiscard]] virtual std::unique_ptr<Timer> after(Duration delay, std::function<void()> f) = 0;
};

}  // namespace polis::io
