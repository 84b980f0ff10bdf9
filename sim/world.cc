#include "sim/world.hh"

#include <utility>

#include "base/check.hh"

namespace polis::sim {

void World::at(Instant when, std::function<void()> f) {
  std::size_t slot = slots_.size();
  if (free_slots_.empty()) {
    slots_.push_back(std::move(f));
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
    slots_[slot] = std::move(f);
  }
  events_.push({std::max(when, now_), ++sequence_, slot});
}

bool World::step(Instant until) {
  if (events_.empty() || events_.top().when > until) {
    now_ = std::max(now_, until);
    return false;
  }
  const Event event = events_.top();
  events_.pop();
  CHECK(event.when >= now_);
  now_ = event.when;
  auto f = std::exchange(slots_[event.slot], nullptr);
  free_slots_.push_back(event.slot);
  f();
  return true;
}

namespace {

class SimulatedTimer final : public io::Timer {
 public:
  explicit SimulatedTimer(std::shared_ptr<bool> alive) : alive_(std::move(alive)) {}
  ~SimulatedTimer() override { *alive_ = false; }

 private:
  std::shared_ptr<bool> alive_;  // shared with the event, which may come after the timer's end
};

}  // namespace

Instant Machine::now() const {
  auto elapsed = static_cast<double>(world_.now().time_since_epoch().count());
  return Instant(Duration(static_cast<std::int64_t>(elapsed * (1.0 + drift_))));
}

void Machine::post(std::function<void()> f) { deliver(std::move(f)); }

std::unique_ptr<io::Timer> Machine::after(Duration delay, std::function<void()> f) {
  auto alive = std::make_shared<bool>(true);
  auto real =
      Duration(static_cast<std::int64_t>(static_cast<double>(delay.count()) / (1.0 + drift_)) + 1);
  world_.after(std::max(real, Duration(1)),
               [this, epoch = epoch_, alive, f = std::move(f)]() mutable {
                 run(epoch, alive, std::move(f));
               });
  return std::make_unique<SimulatedTimer>(alive);
}

void Machine::crash() {
  ++epoch_;
  paused_until_ = {};
  stopped_ = false;
  held_.clear();
  turn_end_ = nullptr;
}

void Machine::go_on() {
  stopped_ = false;
  for (auto& f : std::exchange(held_, {})) world_.after(Duration::zero(), std::move(f));
}

}  // namespace polis::sim
