#include "shim/life.hh"

namespace polis::shim {
namespace {

Nanoseconds bounded(std::uint64_t wanted, Nanoseconds usual, Nanoseconds most) {
  if (wanted == 0) return usual;
  return wanted > static_cast<std::uint64_t>(most) ? most : static_cast<Nanoseconds>(wanted);
}

constexpr int kSignalMax = 64;

Nanoseconds earlier(Nanoseconds a, Nanoseconds b) { return a < b ? a : b; }

}  // namespace

Life::Life(const Spec& spec)
    : exclusive_(spec.exclusive != 0),
      has_stop_command_(spec.stop_words > 0),
      stop_signal_(spec.stop_signal >= 1 && spec.stop_signal <= kSignalMax
                       ? static_cast<int>(spec.stop_signal)
                       : kStopSignalDefault),
      grace_(bounded(spec.grace, kGraceDefault, kGraceMax)),
      linger_(bounded(spec.linger, kLingerDefault, kGraceMax)),
      alone_since_(0) {
  if (exclusive_) {
    state_.deadline = spec.deadline;
    state_.lease = spec.lease;
  }
}

void Life::on_started(Nanoseconds now) {
  if (!before(Phase::kEnded)) return;
  state_.started_at = static_cast<std::uint64_t>(now);
  main_runs_ = true;
  if (before(Phase::kRunning)) state_.phase = Phase::kRunning;
  // It was asked to stop before it began.
  if (state_.phase == Phase::kStopping) actions_.signal_main = signal_given_;
  on_time(now);
}

void Life::on_start_failed(Nanoseconds now, Step step, int number, std::string_view what) {
  if (!before(Phase::kEnded)) return;
  main_runs_ = false;
  state_.exit = Exit::kNeverRan;
  state_.failed_step = step;
  state_.failed_errno = static_cast<std::uint64_t>(number);
  state_.failed_what.assign(what);
  end(now);
}

void Life::on_main_ended(Nanoseconds now, Exit exit, int number, bool core_dumped) {
  if (state_.exit != Exit::kNone) return;
  main_runs_ = false;
  state_.exit = exit;
  state_.exit_number = static_cast<std::uint64_t>(number);
  state_.core_dumped = core_dumped;
  state_.exited_at = static_cast<std::uint64_t>(now);
  if (before(Phase::kStopping)) return begin_kill(Cause::kItself, now);
  // What it left gets the rest of its grace; it may be that nothing is left.
  if (state_.phase == Phase::kStopping) {
    actions_.signal_rest = signal_given_;
    kill_pause_ = kKillAgainMin;
    kill_again_at_ = now;
  }
}

void Life::begin_stop(Cause cause, int signal, Nanoseconds grace, Nanoseconds now) {
  if (before(Phase::kStopping)) {
    // The signal waits until its program has begun: before that it would end the shim's own child.
    const bool began = state_.phase == Phase::kRunning;
    state_.phase = Phase::kStopping;
    state_.cause = cause;
    signal_given_ = signal;
    if (has_stop_command_ && began)
      actions_.run_stop_command = true;
    else if (began)
      actions_.signal_main = signal;
  } else if (state_.phase == Phase::kStopping) {
    signal_given_ = signal;
    if (main_runs_) actions_.signal_main = signal;
  }
  if (state_.phase == Phase::kStopping) grace_end_ = earlier(grace_end_, now + grace);
}

void Life::begin_kill(Cause cause, Nanoseconds now) {
  if (!before(Phase::kKilling)) return;
  if (state_.cause == Cause::kNone || cause == Cause::kDeadline) state_.cause = cause;
  state_.phase = Phase::kKilling;
  kill_began_ = now;
  kill_pause_ = kKillAgainMin;
  kill_again(now);
}

void Life::kill_again(Nanoseconds now) {
  actions_.kill_all = true;
  kill_again_at_ = now + kill_pause_;
  kill_pause_ = earlier(kill_pause_ * 2, kKillAgainMax);
  if (now - kill_began_ >= kKillPatience) actions_.count_remaining = true;
}

void Life::on_gone(Nanoseconds now) {
  if (state_.exit == Exit::kNone || !before(Phase::kEnded)) return;
  if (kill_began_ != 0) state_.kill_took = static_cast<std::uint64_t>(now - kill_began_);
  end(now);
}

void Life::end(Nanoseconds now) {
  state_.phase = Phase::kEnded;
  if (state_.cause == Cause::kNone) state_.cause = Cause::kItself;
  state_.remaining = 0;
  state_.ended_at = static_cast<std::uint64_t>(now);
  grace_end_ = kill_again_at_ = kNever;
  if (!agent_there_) alone_since_ = now;
  actions_ = {};
  actions_.record = true;
}

void Life::on_remaining(std::uint64_t processes) { state_.remaining = processes; }

void Life::on_recorded(Nanoseconds now, int error) {
  state_.record_errno = static_cast<std::uint64_t>(error);
  if (!before(Phase::kEnded)) state_.recorded = error == 0;
  maybe_leave(now);
}

void Life::on_agent(bool there, Nanoseconds now) {
  agent_there_ = there;
  if (!there) alone_since_ = now;
  maybe_leave(now);
}

void Life::on_terminate(Nanoseconds now) { begin_stop(Cause::kSignal, stop_signal_, grace_, now); }

void Life::on_time(Nanoseconds now) {
  if (before(Phase::kEnded) && exclusive_ && now >= static_cast<Nanoseconds>(state_.deadline) &&
      state_.cause != Cause::kDeadline)
    begin_kill(Cause::kDeadline, now);
  if (state_.phase == Phase::kStopping && now >= grace_end_) begin_kill(state_.cause, now);
  if (now >= kill_again_at_) {
    if (state_.phase == Phase::kKilling) kill_again(now);
    if (state_.phase == Phase::kStopping) {  // its main process has ended: are others left?
      // One that was just being born may have lost the signal.
      if (kill_pause_ == kKillAgainMax) actions_.signal_rest = signal_given_;
      kill_again_at_ = now + kill_pause_;
      kill_pause_ = earlier(kill_pause_ * 2, kKillAgainMax);
    }
  }
  maybe_leave(now);
}

// Without an agent only a durable record tells how it ended.
void Life::maybe_leave(Nanoseconds now) {
  if (before(Phase::kEnded)) return;
  const bool alone_long = !agent_there_ && now - alone_since_ >= linger_;
  if (forgotten_ || (alone_long && state_.recorded != 0)) actions_.leave = true;
}

Verdict Life::on_request(const Request& request, Nanoseconds now) {
  on_time(now);
  switch (request.ask) {
    case Ask::kStop:
      return stop(request, now);
    case Ask::kKill:
      if (!before(Phase::kEnded)) return Verdict::kNotRunning;
      begin_kill(Cause::kKill, now);
      return Verdict::kDone;
    case Ask::kSignal:
      if (request.signal < 1 || request.signal > kSignalMax) return Verdict::kWrong;
      if (!main_runs_) return Verdict::kNotRunning;
      actions_.signal_main = static_cast<int>(request.signal);
      return Verdict::kDone;
    case Ask::kExtend:
    case Ask::kBind:
      return extend(request);
    case Ask::kForget:
      if (before(Phase::kEnded)) return Verdict::kNotEnded;
      forgotten_ = true;
      maybe_leave(now);
      return Verdict::kDone;
    default:
      return Verdict::kUnknownRequest;
  }
}

Verdict Life::stop(const Request& request, Nanoseconds now) {
  if (request.signal > kSignalMax) return Verdict::kWrong;
  if (!before(Phase::kEnded)) return Verdict::kNotRunning;
  begin_stop(Cause::kStop, request.signal != 0 ? static_cast<int>(request.signal) : stop_signal_,
             bounded(request.grace, grace_, kGraceMax), now);
  return Verdict::kDone;
}

// A deadline belongs to one lease: what another one has confirmed says nothing about it, until the
// agent says that the assignment was confirmed under that one.
Verdict Life::extend(const Request& request) {
  if (!exclusive_) return Verdict::kNotExclusive;
  if (!before(Phase::kEnded)) return Verdict::kNotRunning;
  if (state_.cause == Cause::kDeadline) return Verdict::kTooLate;
  if (request.ask == Ask::kExtend && request.lease != state_.lease) return Verdict::kOtherLease;
  if (request.deadline > static_cast<std::uint64_t>(kNever)) return Verdict::kWrong;
  state_.lease = request.lease;
  if (request.deadline > state_.deadline) state_.deadline = request.deadline;
  return Verdict::kDone;
}

Actions Life::take_actions() {
  const Actions taken = actions_;
  actions_ = {};
  return taken;
}

Nanoseconds Life::wake_at() const {
  if (!before(Phase::kEnded)) {
    const bool waits = !agent_there_ && !forgotten_ && state_.recorded != 0;
    return waits ? alone_since_ + linger_ : kNever;
  }
  Nanoseconds at = earlier(grace_end_, kill_again_at_);
  if (exclusive_ && state_.cause != Cause::kDeadline)
    at = earlier(at, static_cast<Nanoseconds>(state_.deadline));
  return at;
}

}  // namespace polis::shim
