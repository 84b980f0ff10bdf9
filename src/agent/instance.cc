#include "agent/instance.hh"

#include <fmt/format.h>

namespace polis::agent {
namespace {

std::optional<Instant> earlier(std::optional<Instant> a, std::optional<Instant> b) {
  if (!a) return b;
  return b ? std::min(*a, *b) : a;
}

}  // namespace

const char* to_string(Phase phase) {
  switch (phase) {
    case Phase::kStopped:
      return "stopped";
    case Phase::kStarting:
      return "starting";
    case Phase::kRunning:
      return "running";
    case Phase::kWithdrawing:
      return "withdrawing";
    case Phase::kStopping:
      return "stopping";
    case Phase::kWaiting:
      return "waiting";
    case Phase::kEnded:
      return "ended";
  }
  return "?";
}

const char* to_string(Step step) {
  switch (step) {
    case Step::kStart:
      return "start";
    case Step::kWithdraw:
      return "withdraw";
    case Step::kStop:
      return "stop";
    case Step::kKill:
      return "kill";
  }
  return "?";
}

void Instance::become(Instant now, Phase phase, std::string why) {
  phase_ = phase;
  since_ = now;
  why_ = std::move(why);
  step_.reset();
  deadline_.reset();
}

void Instance::want(Instant now, Version version, const InstanceOptions& options) {
  const bool other = version != wanted_;
  wanted_ = std::move(version);
  options_ = options;
  if (!other) return;
  restarts_ = Restarts(options.restart);
  starts_ = 0;
  if (running_ == Version()) return become(now, Phase::kStopped, "a version is to run");
  if (running_ != wanted_) end_it(now, Because::kAsked, "another version is to run");
}

void Instance::want_nothing(Instant now, std::string why) {
  if (wanted_ == Version() && phase_ == Phase::kStopped) return;
  wanted_ = {};
  if (running_ == Version()) return become(now, Phase::kStopped, std::move(why));
  end_it(now, Because::kAsked, std::move(why));
}

void Instance::restart(Instant now, std::string why) {
  restarts_.forget();
  if (running_ == Version()) return become(now, Phase::kStopped, std::move(why));
  end_it(now, Because::kAsked, std::move(why));
}

// Ends the process, whatever it is doing.
void Instance::end_it(Instant now, Because because, std::string why) {
  switch (phase_) {
    case Phase::kStopped:
    case Phase::kWaiting:
    case Phase::kEnded:
    case Phase::kWithdrawing:
    case Phase::kStopping:
      return;  // it is ending, or has ended
    case Phase::kStarting:
      // It serves nobody yet.
      failing_ = because == Because::kFailed;
      become(now, Phase::kStopping, std::move(why));
      step_ = Step::kStop;
      deadline_ = now + options_.stop_grace;
      return;
    case Phase::kRunning:
      failing_ = because == Because::kFailed;
      become(now, Phase::kWithdrawing, std::move(why));
      step_ = Step::kWithdraw;
      deadline_ = now + options_.withdraw_max;
      return;
  }
}

void Instance::on_started(Instant now) {
  if (phase_ != Phase::kStarting) return;
  if (options_.says_ready && !ready_) {
    deadline_ = now + options_.ready_timeout;
    why_ = "it has not said that it is ready";
    return;
  }
  started_ = now;
  health_ = HealthState(options_.health);
  health_.on_start(now);
  become(now, Phase::kRunning, "it runs");
  if (!options_.checked) health_.on_result(now, {.passed = true, .text = ""});
}

void Instance::on_ready(Instant now) {
  if (phase_ != Phase::kStarting || ready_) return;
  ready_ = true;
  if (options_.says_ready && deadline_) on_started(now);
}

void Instance::on_start_failed(Instant now, const std::string& why) {
  if (running_ == Version()) return;
  run_ended(now, Duration::zero(), true, why);
}

void Instance::on_check(Instant now, const CheckResult& result) {
  if (phase_ != Phase::kRunning) return;
  if (health_.on_result(now, result))
    why_ = health() == Health::kHealthy ? "it runs" : health_.reason();
}

void Instance::on_withdrawn(Instant now) {
  if (phase_ != Phase::kWithdrawing) return;
  become(now, Phase::kStopping, std::move(why_));
  step_ = Step::kStop;
  deadline_ = now + options_.stop_grace;
}

void Instance::on_stop_failed(Instant now, const std::string& why) {
  if (phase_ != Phase::kStopping) return;
  why_ = "it cannot be asked to stop: " + why;
  step_ = Step::kKill;
  deadline_ = now + options_.kill_again_after;
}

void Instance::on_ended(Instant now, bool failed, const std::string& how) {
  if (running_ == Version()) return;
  const bool asked = phase_ == Phase::kStopping || phase_ == Phase::kWithdrawing;
  const Duration ran = started_ == Instant() ? Duration::zero() : now - started_;
  if (failing_) return run_ended(now, ran, true, why_);
  if (!asked) return run_ended(now, ran, failed, how);
  no_process();
  become(now, Phase::kStopped, std::move(why_));
}

void Instance::no_process() {
  running_ = {};
  ready_ = failing_ = false;
  started_ = {};
}

// A process that nobody asked to end has ended.
void Instance::run_ended(Instant now, Duration ran, bool failed, const std::string& why) {
  no_process();
  const auto wait = restarts_.on_end(now, ran, failed);
  if (wanted_ == Version()) return become(now, Phase::kStopped, why);
  if (!wait) return become(now, Phase::kEnded, why);
  become(now, Phase::kWaiting, why);
  deadline_ = now + *wait;
  if (restarts_.looping(now))
    why_ += fmt::format("; it has ended {} times in a row and is tried every {} s",
                        restarts_.ends_in_a_row(),
                        std::chrono::duration_cast<std::chrono::seconds>(*wait).count());
}

void Instance::on_adopted(Instant now, Version version, Instant started) {
  running_ = std::move(version);
  started_ = started;
  ready_ = true;
  ++starts_;
  health_ = HealthState(options_.health);
  health_.on_start(now);
  become(now, Phase::kRunning, "it ran already");
  if (!options_.checked) health_.on_result(now, {.passed = true, .text = ""});
  if (running_ != wanted_) end_it(now, Because::kAsked, "another version is to run");
}

void Instance::on_time(Instant now) {
  if (phase_ == Phase::kRunning) {
    if (options_.checked && health_.on_time(now)) why_ = health_.reason();
    if (options_.unhealthy_restart_after > Duration::zero() && health() == Health::kUnhealthy &&
        now - health_.since() >= options_.unhealthy_restart_after)
      end_it(now, Because::kFailed, "it was unhealthy for too long: " + health_.reason());
    return;
  }
  if (!deadline_ || now < *deadline_) return;
  switch (phase_) {
    case Phase::kWaiting:
      return become(now, Phase::kStopped, std::move(why_));
    case Phase::kStarting:
      return end_it(now, Because::kFailed, "it has not said that it is ready in time");
    case Phase::kWithdrawing:
      return on_withdrawn(now);
    case Phase::kStopping:
      step_ = Step::kKill;
      deadline_ = now + options_.kill_again_after;
      return;
    case Phase::kStopped:
    case Phase::kEnded:
    case Phase::kRunning:
      return;
  }
}

std::optional<Step> Instance::next(Instant now) {
  if (phase_ == Phase::kStopped && wanted_ != Version()) {
    running_ = wanted_;
    ++starts_;
    become(now, Phase::kStarting, std::move(why_));
    return Step::kStart;
  }
  return std::exchange(step_, std::nullopt);
}

std::optional<Instant> Instance::wakes() const {
  std::optional<Instant> at = deadline_;
  if (phase_ != Phase::kRunning) return at;
  if (options_.checked) at = earlier(at, health_.wakes());
  if (options_.unhealthy_restart_after > Duration::zero() && health() == Health::kUnhealthy)
    at = earlier(at, health_.since() + options_.unhealthy_restart_after);
  return at;
}

}  // namespace polis::agent
