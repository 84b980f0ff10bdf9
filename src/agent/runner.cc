#include "agent/runner.hh"

#include <fmt/format.h>

#include "agent/shim_directory.hh"
#include "agent/texts.hh"
#include "base/sha256.hh"
#include "io/posix_disk.hh"

namespace polis::agent {
namespace {

// Between attempts to reach a shim that is there and does not answer.
constexpr Duration kAdoptAgain = std::chrono::seconds(1);
// The shim of the process before is on its way out: its connection ends before its lock.
constexpr Duration kStartAgain = std::chrono::milliseconds(1);
constexpr int kStartsMax = 2000;

}  // namespace

Runner::Runner(const Surroundings& surroundings, std::string name, std::string directory,
               std::function<void()> changed)
    : around_(surroundings),
      name_(std::move(name)),
      directory_(std::move(directory)),
      changed_(std::move(changed)) {}

Runner::~Runner() = default;

std::int64_t Runner::process() const {
  return link_ && !ended_told_ ? static_cast<std::int64_t>(link_->state().pid) : 0;
}

bool Runner::gone() const {
  return wanted_nothing_ && !adopting_ && !link_ && !attempt_ &&
         instance_.phase() == Phase::kStopped;
}

void Runner::want(InstancePlan plan) {
  auto bytes = encode(plan.spec);
  // A plan that cannot be written down cannot be started either; that is where it is said.
  digest_ = sha256_hex(bytes ? *bytes : bytes.error().text);
  plan_ = std::move(plan);
  wanted_nothing_ = false;
  if (!std::exchange(begun_, true)) return adopt();
  if (!adopting_) instance_.want(around_.loop.now(), {digest_}, plan_->options);
  go_on();
}

void Runner::want_nothing(std::string why) {
  wanted_nothing_ = true;
  if (!std::exchange(begun_, true)) return adopt();
  if (!adopting_) instance_.want_nothing(around_.loop.now(), std::move(why));
  go_on();
}

// Whether an earlier life of the agent has left it running.
void Runner::adopt() {
  auto found = look(directory_);
  if (!found || !found->served) return on_adopted(fail(ErrorCode::kNotFound, "nothing runs"));
  attempt_ = around_.shims.adopt(directory_, [this](auto link) {
    attempt_.reset();
    on_adopted(std::move(link));
  });
}

void Runner::on_adopted(Result<std::unique_ptr<ShimLink>> link) {
  if (!link && link.error().code == ErrorCode::kUnavailable) {
    // Somebody serves it. Starting a second one would be refused by the lock.
    timer_ = around_.loop.after(kAdoptAgain, [this] {
      auto keep = std::move(timer_);
      adopt();
    });
    return;
  }
  adopting_ = false;
  const Instant now = around_.loop.now();
  if (plan_ && !wanted_nothing_) instance_.want(now, {digest_}, plan_->options);
  if (link && (*link)->state().phase != shim::Phase::kEnded) {
    auto version = io::read_file(directory_ + "/version");
    instance_.on_adopted(now, {version.value_or("unknown")},
                         Instant(Duration((*link)->state().started_at)));
    started_told_ = ready_told_ = true;
    take(std::move(*link));
  } else if (link) {
    take(std::move(*link));  // it has ended meanwhile: its shim waits to be told that we know
  }
  go_on();
}

void Runner::take(std::unique_ptr<ShimLink> link) {
  link_ = std::move(link);
  ended_told_ = false;
  link_->watch({.changed = [this](const shim::State& state) { on_state(state); },
                .lost = [this](const Error& error) { on_lost(error); }});
  on_state(link_->state());
  // It was to stop while its shim was starting.
  if (instance_.phase() == Phase::kStopping) stop();
}

void Runner::on_state(const shim::State& state) {
  const Instant now = around_.loop.now();
  if (state.phase == shim::Phase::kEnded) return on_ended(state);
  if (state.phase != shim::Phase::kStarting && !std::exchange(started_told_, true))
    instance_.on_started(now);
  if (state.ready > 0 && !std::exchange(ready_told_, true)) instance_.on_ready(now);
  go_on();
}

void Runner::on_ended(const shim::State& state) {
  if (std::exchange(ended_told_, true)) return;
  const Instant now = around_.loop.now();
  probe_.reset();
  probe_timer_.reset();
  const bool never_ran = state.exit == shim::Exit::kNeverRan;
  if (never_ran)
    instance_.on_start_failed(now, start_failure(state));
  else
    instance_.on_ended(now, state.exit != shim::Exit::kExited || state.exit_number != 0,
                       how_it_ended(state));
  // Then it goes, and its lock with it: on_lost.
  link_->forget([](const Result<void>&) {});
  say();
}

// The shim has gone, or hangs. What is left of the instance is found by its directory.
void Runner::on_lost(const Error& error) {
  around_.loop.post([this, alive = std::weak_ptr(alive_), text = error.text] {
    if (alive.expired()) return;
    const bool ended = ended_told_;
    link_.reset();
    if (!ended) {
      auto found = look(directory_);
      if (found && found->served) {
        adopting_ = true;
        return adopt();
      }
      instance_.on_ended(around_.loop.now(), true, "its shim has gone: " + text);
      ended_told_ = true;
    }
    go_on();
  });
}

void Runner::start() {
  started_told_ = ready_told_ = ended_told_ = false;
  const Instant now = around_.loop.now();
  auto made = around_.disk.make_directory(directory_);
  if (made && !plan_->spec.log_directory.empty())
    made = around_.disk.make_directory(plan_->spec.log_directory);
  if (made) made = io::write_file_atomically(directory_ + "/version", digest_);
  if (!made) return instance_.on_start_failed(now, made.error().text);
  auto spec = checked(plan_->spec);
  if (!spec) return instance_.on_start_failed(now, spec.error().text);
  start_shim(*spec, kStartsMax);
}

void Runner::start_shim(const InstanceSpec& spec, int tries) {
  attempt_ = around_.shims.start(directory_, spec, [this, spec, tries](auto link) {
    attempt_.reset();
    if (link) return take(std::move(*link));
    if (link.error().code == ErrorCode::kExists && tries > 0) {
      start_timer_ = around_.loop.after(kStartAgain, [this, spec, tries] {
        auto keep = std::move(start_timer_);
        start_shim(spec, tries - 1);
      });
      return;
    }
    instance_.on_start_failed(around_.loop.now(), link.error().text);
    go_on();
  });
}

void Runner::stop() {
  if (!link_) return;
  link_->stop(0, Duration::zero(), [this, alive = std::weak_ptr(alive_)](Result<void> done) {
    if (alive.expired() || done) return;
    instance_.on_stop_failed(around_.loop.now(), done.error().text);
    go_on();
  });
}

void Runner::kill() {
  if (link_) link_->kill([](const Result<void>&) {});
}

// Looks at it, and again after each interval.
void Runner::probe() {
  probe_timer_ = around_.loop.after(plan_->probe_interval, [this] {
    auto keep = std::move(probe_timer_);
    probe();
  });
  if (probe_) return;  // the one before has its time
  probe_ =
      around_.prober.probe(*plan_->probe, plan_->probe_timeout, [this](const CheckResult& result) {
        auto keep = std::move(probe_);
        instance_.on_check(around_.loop.now(), result);
        go_on();
      });
}

void Runner::go_on() {
  // While a shim is on its way out, nothing can start in its directory.
  if (adopting_ || (link_ && ended_told_)) return;
  const Instant now = around_.loop.now();
  instance_.on_time(now);
  while (auto step = instance_.next(now)) {
    switch (*step) {
      case Step::kStart:
        start();
        break;
      case Step::kWithdraw:
        instance_.on_withdrawn(now);  // nobody is told of endpoints yet
        break;
      case Step::kStop:
        stop();
        break;
      case Step::kKill:
        kill();
        break;
    }
  }
  if (instance_.phase() == Phase::kRunning && plan_ && plan_->probe) {
    if (!probe_timer_) probe();
  } else {
    probe_timer_.reset();
    probe_.reset();
  }
  if (auto at = instance_.wakes()) {
    timer_ = around_.loop.after(std::max(*at - now, Duration::zero()), [this] {
      auto keep = std::move(timer_);
      go_on();
    });
  } else {
    timer_.reset();
  }
  say();
}

void Runner::say() {
  std::string now = fmt::format("{} {} {} {}", to_string(instance_.phase()),
                                to_string(instance_.health()), instance_.why(), gone());
  if (std::exchange(said_, now) == now) return;
  around_.loop.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) changed_();
  });
}

}  // namespace polis::agent
