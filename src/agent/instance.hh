#pragma once

// The life of one instance on one machine: what should be, what is, and the next step from one to
// the other.
//
// It is level-triggered. want() says what should be; on_…() say what was seen; next() gives the one
// step to take now. A step is given once. A step that leads to nothing is given again only after
// what was seen has changed, or after the time that wakes() names: the caller that cannot take a
// step says so with on_start_failed or on_stop_failed.
//
//   stopped ── start ──> starting ── started ──> running ── ended ──> waiting ── its time ──>
//   stopped
//                            └──── start failed ─────────────────────────┘
//   running ── not wanted, or another version ──> withdrawing ── withdrawn ──> stopping ── ended
//   ──> stopped
//
// An instance is withdrawn before it is stopped: who sends it requests gets time to hear of it.
//
// Pure: time is handed in. Threads: one. Life: one object for an instance's stable index; versions
// come and go.

#include <string>

#include "agent/health.hh"
#include "agent/restarts.hh"

namespace polis::agent {

// What to run, by name. The shell knows what the name means.
struct Version {
  std::string digest;  // of all that needs a new process when it changes; empty: nothing is to run
  bool operator==(const Version&) const = default;
};

struct InstanceOptions {
  RestartOptions restart;
  HealthOptions health;
  bool checked = false;     // it has a healthcheck; without one it is healthy while it runs
  bool says_ready = false;  // by the notify protocol: it counts as started from READY=1 on
  // From READY's absence it follows after this time that the start failed.
  Duration ready_timeout = std::chrono::seconds(90);
  // A process that is unhealthy for this long is started anew; zero: never.
  Duration unhealthy_restart_after{};
  Duration withdraw_max = std::chrono::seconds(1);
  // From the request to stop until it is killed.
  Duration stop_grace = std::chrono::seconds(10);
  // A kill that has not ended it after this time is given again, and people are told.
  Duration kill_again_after = std::chrono::seconds(5);
};

enum class Phase {
  kStopped,
  kStarting,
  kRunning,
  kWithdrawing,
  kStopping,
  kWaiting,  // it ended, and starts again when its time has come
  kEnded,    // it ended, and its restart policy leaves it so
};
const char* to_string(Phase phase);

enum class Step {
  kStart,     // the wanted version; then on_started or on_start_failed
  kWithdraw,  // tell everybody that it takes no new requests; then on_withdrawn
  kStop,      // ask it to stop, by its own interface or a signal
  kKill,      // with everything that it started
};
const char* to_string(Step step);

class Instance {
 public:
  explicit Instance(InstanceOptions options)
      : options_(options), restarts_(options.restart), health_(options.health) {}

  // What should run from now on. With other options, too: of the version that starts next.
  void want(Instant now, Version version, const InstanceOptions& options);
  void want_nothing(Instant now, std::string why);
  // By a person: the process ends and a new one starts, though nothing has changed.
  void restart(Instant now, std::string why);

  // What was seen.
  void on_started(Instant now);
  void on_start_failed(Instant now, const std::string& why);
  void on_ready(Instant now);
  void on_check(Instant now, const CheckResult& result);
  void on_withdrawn(Instant now);
  void on_stop_failed(Instant now, const std::string& why);  // the request; it is killed instead
  void on_ended(Instant now, bool failed, const std::string& how);
  // It was found running, by an agent that has just started. Its health is as it will be seen.
  void on_adopted(Instant now, Version version, Instant started);
  void on_time(Instant now);

  // The step to take now; nothing: none. Each is given once.
  std::optional<Step> next(Instant now);
  // When on_time and next must be asked again though nothing was seen; nothing: never.
  std::optional<Instant> wakes() const;

  Phase phase() const { return phase_; }
  Health health() const { return health_.health(); }
  // Whether requests may be sent to it.
  bool serves() const { return phase_ == Phase::kRunning && health() == Health::kHealthy; }
  const Version& running() const { return running_; }  // empty: no process
  bool crash_loop(Instant now) const { return restarts_.looping(now); }
  int restarts() const { return starts_ > 0 ? starts_ - 1 : 0; }  // since its options changed
  Instant since() const { return since_; }                        // of the phase
  // Why it is as it is, one line for people.
  const std::string& why() const { return why_; }

 private:
  void become(Instant now, Phase phase, std::string why);
  enum class Because { kAsked, kFailed };
  void end_it(Instant now, Because because, std::string why);
  void no_process();
  void run_ended(Instant now, Duration ran, bool failed, const std::string& why);

  InstanceOptions options_;
  Restarts restarts_;
  HealthState health_;
  Phase phase_ = Phase::kStopped;
  Instant since_{};
  std::string why_ = "nothing is to run";
  Version wanted_, running_;
  bool ready_ = false;
  bool failing_ = false;  // it is being ended because it failed
  Instant started_{};     // when the process began to run; zero: it has not
  int starts_ = 0;
  std::optional<Step> step_;         // to be given
  std::optional<Instant> deadline_;  // of the phase
};

}  // namespace polis::agent
