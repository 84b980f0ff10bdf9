#pragma once

// The simulated world: virtual time, one queue of events, one seed. Everything that happens is an
// event here, so the same seed gives the same run to the byte.
//
// A Machine is one simulated computer. Its process sees time through its own clock, which drifts;
// when the machine crashes, everything that its process had planned is forgotten; while it is
// paused, its events wait.

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
  // A generator for one purpose, so that adding a use elsewhere does not change this one's numbers.
  Random fork() { return Random(random_.next()); }

  void at(Instant when, std::function<void()> f);
  void after(Duration delay, std::function<void()> f) { at(now_ + delay, std::move(f)); }
  // Runs the next event. False: there is none before `until`, and time has moved there.
  bool step(Instant until);
  void run_until(Instant until) {
    while (step(until)) {
    }
  }
  std::uint64_t events() const { return sequence_; }

 private:
  // What to do lies elsewhere, so that the heap moves 24 bytes.
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
  // `drift`: how much faster than real its clock runs, as a fraction: 0.0005 is 500 ppm.
  Machine(World& world, double drift) : world_(world), drift_(drift) {}

  Instant now() const override;
  void post(std::function<void()> f) override;
  std::unique_ptr<io::Timer> after(Duration delay, std::function<void()> f) override;

  // Runs `f` on this machine, unless it crashes before; when it is paused, after it resumes.
  template <class F>
  void deliver(F f) {
    world_.after(Duration::zero(), [this, epoch = epoch_, f = std::move(f)]() mutable {
      run(epoch, nullptr, std::move(f));
    });
  }
  // After every event of this machine: where the real loop has its turn's end. A timer that was
  // cancelled wakes nobody and ends no turn.
  void at_turn_end(std::function<void()> hook) { turn_end_ = std::move(hook); }

  // Forgets every event planned so far. The caller destroys the process.
  void crash();
  // Stands still. Then it handles what came meanwhile: timers first, or in the order of their
  // coming.
  void pause(Duration length, bool timers_first = false) {
    paused_until_ = std::max(paused_until_, world_.now() + length);
    timers_first_ = timers_first;
  }
  bool paused() const { return world_.now() < paused_until_; }
  // Stands still until go_on(), as a process does between SIGSTOP and SIGCONT.
  void stop() { stopped_ = true; }
  void go_on();

 private:
  // `alive`: null, or whether the timer is still wanted.
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
