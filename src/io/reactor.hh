#pragma once

// The real loop: one thread, Boost.Asio underneath, which nobody else sees.
//
// It runs in turns: everything that is ready is handled, then the hooks of the turn's end run. That
// is where proposals of a turn become one entry, its replies one send per connection, and its log
// records one sync.
//
// Threads: post() and stop() from any thread; everything else from the thread that calls run().

#include <functional>
#include <memory>
#include <vector>

#include "io/loop.hh"
#include "io/network.hh"

namespace polis::io {

class Reactor final : public Loop {
 public:
  Reactor();
  ~Reactor() override;

  Instant now() const override;
  void post(std::function<void()> f) override;
  std::unique_ptr<Timer> after(Duration delay, std::function<void()> f) override;

  // TCP on this loop.
  Network& network();
  // `hook` runs at the end of every turn, in the order of registration.
  void at_turn_end(std::function<void()> hook);
  // Runs until stop().
  void run();
  void stop();
  // Calls `f` on the loop's thread when SIGINT or SIGTERM comes.
  void on_signal(std::function<void(int)> f);

  struct Impl;  // Asio's types
  Impl& impl() { return *impl_; }

 private:
  void wait();
  void fire_coarse();

  std::unique_ptr<Impl> impl_;
};

// Seconds and nanoseconds of the wall clock, for logs and for people; never for decisions.
std::int64_t wall_clock_nanoseconds();

// What the calling thread has used of the processor so far.
Duration thread_processor_time();

// 64 bits from the system's generator.
std::uint64_t entropy();

}  // namespace polis::io
