#pragma once

// The life of one instance, as its shim leads it: start, stop, grace, kill, deadline, end. A pure
// object: events and the time go in, and what is to be done next comes out. The shim (and a
// simulated one) carries that out.
//
//   kStarting -> kRunning -> kStopping -> kKilling -> kEnded      every step may be left out
//
// The main process alone gets the signal that asks it to stop. If it has ended of itself, all that
// it left behind is killed at once, so that the next life finds its ports and files free. If it has
// ended after being asked to stop, the others get the same signal, every half second, and what is
// left of its grace.
//
// Times are nanoseconds of CLOCK_BOOTTIME. No allocation, no exceptions.
//
// Threads: any, one at a time.

#include "shim/protocol.hh"
#include "shim/spec.hh"

namespace polis::shim {

using Nanoseconds = std::int64_t;
inline constexpr Nanoseconds kMillisecond = 1'000'000;
inline constexpr Nanoseconds kSecond = 1'000 * kMillisecond;
inline constexpr Nanoseconds kNever = INT64_MAX;

inline constexpr Nanoseconds kGraceDefault = 10 * kSecond;
inline constexpr Nanoseconds kGraceMax = 24 * 3600 * kSecond;
// How long a shim stays behind the end of its instance while no agent is there. The agent that
// comes later reads the record.
inline constexpr Nanoseconds kLingerDefault = 60 * kSecond;
// Killing is repeated, for what was born meanwhile: first after this, then at twice the time.
inline constexpr Nanoseconds kKillAgainMin = 2 * kMillisecond;
inline constexpr Nanoseconds kKillAgainMax = 500 * kMillisecond;
// After this long it is said that something is left that cannot be killed.
inline constexpr Nanoseconds kKillPatience = 10 * kSecond;
inline constexpr int kStopSignalDefault = 15;  // SIGTERM

// What is to be done, in this order.
struct Actions {
  int signal_main = 0;  // send this signal to the main process
  int signal_rest = 0;  // send this one to all of the instance
  bool run_stop_command = false;
  bool kill_all = false;         // kill all of the instance, then say on_gone if nothing is left
  bool count_remaining = false;  // say on_remaining
  bool record = false;           // make the record of the end durable, then say on_recorded
  bool leave = false;            // the shim ends
};

class Life {
 public:
  // Of a good spec.
  explicit Life(const Spec& spec);

  // What happened. After any of these and on_time: take_actions.
  void on_started(Nanoseconds now);  // its program runs
  void on_start_failed(Nanoseconds now, Step step, int number, std::string_view what);
  void on_main_ended(Nanoseconds now, Exit exit, int number, bool core_dumped);
  void on_gone(Nanoseconds now);  // no process of the instance is left
  void on_remaining(std::uint64_t processes);
  void on_recorded(Nanoseconds now, int error);  // error: an errno, or 0
  void on_agent(bool there, Nanoseconds now);
  void on_terminate(Nanoseconds now);  // the shim itself was asked to end
  void on_time(Nanoseconds now);
  // Carries out what concerns the life: all but kRotate and kState. The time is checked first, so
  // that a deadline that has passed is passed whatever comes with the next request.
  Verdict on_request(const Request& request, Nanoseconds now);

  Actions take_actions();
  // When on_time wants to be called; kNever: not before something happens.
  Nanoseconds wake_at() const;

  const State& state() const { return state_; }
  // For what others know: the output, the notify protocol, pids.
  State& state() { return state_; }
  bool main_runs() const { return main_runs_; }

 private:
  Verdict stop(const Request& request, Nanoseconds now);
  Verdict extend(const Request& request);
  void begin_stop(Cause cause, int signal, Nanoseconds grace, Nanoseconds now);
  void begin_kill(Cause cause, Nanoseconds now);
  void end(Nanoseconds now);
  void kill_again(Nanoseconds now);
  void maybe_leave(Nanoseconds now);
  bool before(Phase phase) const { return state_.phase < phase; }

  State state_;
  const bool exclusive_;
  const bool has_stop_command_;
  const int stop_signal_;
  const Nanoseconds grace_;
  const Nanoseconds linger_;
  Actions actions_;
  bool main_runs_ = false;  // from on_started to on_main_ended
  int signal_given_ = 0;    // the one that asked it to stop
  Nanoseconds grace_end_ = kNever;
  Nanoseconds kill_began_ = 0;
  Nanoseconds kill_again_at_ = kNever;
  Nanoseconds kill_pause_ = kKillAgainMin;
  bool agent_there_ = false;
  Nanoseconds alone_since_;  // while no agent is there
  bool forgotten_ = false;
};

}  // namespace polis::shim
