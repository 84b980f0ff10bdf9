#pragma once

// The loop: one thread, and everything that it waits for. All folders below cell/ wait through this
// interface alone. io::Reactor is the real loop; sim::Machine is a simulated one.
//
// A *turn* is one pass of the loop: it handles all that is ready, then the turn ends. "Threads: the
// loop's" in a header means: call it on the loop's thread only; its callbacks come on that thread.
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

  // The time by CLOCK_BOOTTIME, which goes on while the machine sleeps and never goes backwards.
  virtual Instant now() const = 0;
  // Calls `f` on the loop's thread, later.
  virtual void post(std::function<void()> f) = 0;
  // Calls `f` once, `delay` from now or a little later. Destroying the timer cancels it. If `delay`
  // is at least kCoarseMin, it may come up to a millisecond late, and making and destroying the
  // timer costs next to nothing, so a deadline that moves all the time can have one. A shorter
  // delay is kept as exactly as the system can.
  static constexpr Duration kCoarseMin = std::chrono::milliseconds(3);
  [[nodiscard]] virtual std::unique_ptr<Timer> after(Duration delay, std::function<void()> f) = 0;
};

}  // namespace polis::io
