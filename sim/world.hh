#pragma once

// The simulated world: virtual time, one queue of events, one seed. Everything that happens is an
// event, so the same seed gives the same run to the byte. *Virtual time* is World::now().
//
// A Machine is one simulated computer, and the io::Loop of its process. The process sees time
// through the machine's own clock, which drifts from virtual time. When the machine crashes, all
// events that its process has planned are dropped. While it is paused, its events wait.
//
// Threads: one.

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <vector>

#include "base/random.hh"
#include "io/loop.hh"

namespace polis::sim {

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}

  Instant now() const { return now_; }
  Random& random() { return random_; }
  // A new generator for one purpose: another purpose that is added later does not change its
  // numbers.
  Random fork() { return Random(random_.next()); }

  void at(Instant when, std::function<void()> f);
  void after(Duration delay, std::function<void()> f) { at(now_ + delay, std::move(f)); }
  // Runs the next event. False: there is none through `until`; virtual time is `until` now.
  bool step(Instant until);
  void run_until(Instant until) {
    while (step(until)) {
    }
  }
  std::uint64_t events() const { return sequence_; }  // planned so far

 private:
  // The function of an event is in slots_, so that the heap moves only 24 bytes.
  struct Event {
    Instant when;
    std::uint64_t sequence;
    std::size_t slot;
    bool operator<(const Event& other) const {
      return std::pair(when, sequence) > std::pair(other.when, other.sequence);
    }
  };
  Instant now_{std::chrono::seconds(1)};
  std::uint64_t sequence_ = 0;
  Random random_;
  std::priority_queue<Event> events_;
  std::vector<std::function<void()>> slots_;
  std::vector<std::size_t> free_slots_;
};

class Machine final : public io::Loop {
 public:
  // `drift`: the machine's clock runs faster than virtual time by this fraction; 0.0005 is 500 ppm.
  Machine(World& world, double drift) : world_(world), drift_(drift) {}

  Instant now() const override;
  void post(std::function<void()> f) override;
  std::unique_ptr<io::Timer> after(Duration delay, std::function<void()> f) override;

  // Runs `f` as an event of this machine: soon, or after its pause. If the machine crashes before,
  // `f` is dropped.
  template <class F>
  void deliver(F f) {
    world_.after(Duration::zero(), [this, epoch = epoch_, f = std::move(f)]() mutable {
      run(epoch, nullptr, std::move(f));
    });
  }
  // Sets the hook that is called after every event of this machine: each event is a turn. A
  // cancelled timer is no event.
  void at_turn_end(std::function<void()> hook) { turn_end_ = std::move(hook); }

  // Drops every event that is planned. The caller must destroy the process.
  void crash();
  // Stands still for `length`. Then it handles the events that came meanwhile: timers first if
  // `timers_first`, else in the order in which they came.
  void pause(Duration length, bool timers_first = false) {
    paused_until_ = std::max(paused_until_, world_.now() + length);
    timers_first_ = timers_first;
  }
  bool paused() const { return world_.now() < paused_until_; }
  // Stands still until go_on(), as a process does between SIGSTOP and SIGCONT.
  void stop() { stopped_ = true; }
  void go_on();

 private:
  // `alive`: null, or false when the timer was cancelled.
  template <class F>
  void run(std::uint64_t epoch, const std::shared_ptr<bool>& alive, F&& f) {
    if (epoch != epoch_ || (alive && !*alive)) return;
    if (stopped_) {
      held_.push_back([this, epoch, alive, f = std::forward<F>(f)]() mutable {
        run(epoch, alive, std::move(f));
      });
      return;
    }
    if (paused()) {
      const Duration behind_timers(timers_first_ && !alive ? 1 : 0);
      world_.at(paused_until_ + behind_timers, [this, epoch, alive, f = std::move(f)]() mutable {
        run(epoch, alive, std::move(f));
      });
      return;
    }
    f();
    if (epoch == epoch_ && turn_end_) turn_end_();
  }

  World& world_;
  double drift_;
  std::uint64_t epoch_ = 0;
  Instant paused_until_{};
  bool timers_first_ = false;
  bool stopped_ = false;
  std::vector<std::function<void()>> held_;  // what came while it was stopped, in its order
  std::function<void()> turn_end_;
};

}  // namespace polis::sim
