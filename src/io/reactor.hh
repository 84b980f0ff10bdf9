#pragma once

// The real loop: one thread, on Boost.Asio, which only io/ knows.
//
// It runs in turns: it handles everything that is ready, then it calls the hooks of at_turn_end. In
// these hooks, all proposals of the turn become one entry, all replies to one connection one send,
// and all log records one sync.
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

  // TCP and unix sockets on this loop. Lives as long as the reactor.
  Network& network();
  // Calls `hook` at the end of every turn. Hooks run in the order in which they were added.
  void at_turn_end(std::function<void()> hook);
  // Runs turns until stop() is called. May be called again afterwards.
  void run();
  // Makes run() return at the end of a turn, soon.
  void stop();
  // Calls `f` with the signal's number, on the loop's thread, each time that SIGINT or SIGTERM
  // comes.
  void on_signal(std::function<void(int)> f);

  struct Impl;  // Asio's types
  Impl& impl() { return *impl_; }

 private:
  void wait();
  void fire_coarse();

  std::unique_ptr<Impl> impl_;
};

// The wall clock, in nanoseconds since 1970, UTC: for logs and for people, never for decisions.
std::int64_t wall_clock_nanoseconds();

// How much processor time the calling thread has used so far.
Duration thread_processor_time();

// 64 random bits from the system's generator.
std::uint64_t entropy();

}  // namespace polis::io
