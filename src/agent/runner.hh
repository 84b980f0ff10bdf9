#pragma once

// Runs one instance: takes the steps that agent/instance.hh decides, through its shim and its
// probes, and tells it what was seen.
//
// The instance's directory holds the shim's files and `version`, the digest of what it runs.
// Another life of the agent finds the shim there and goes on; the instance notices nothing.
//
// Threads: the loop's. Callbacks come on the loop's thread. Life: construct -> want, any number of
// times. Destroying it leaves the instance as it is.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/instance.hh"
#include "agent/instance_spec.hh"
#include "agent/probe.hh"
#include "agent/shims.hh"

namespace polis::agent {

// One version of an instance, with everything that is known only on this machine filled in.
struct InstancePlan {
  InstanceSpec spec;
  InstanceOptions options;
  std::optional<ProbeKind> probe;  // nothing: it is not checked, or says itself that it is ready
  Duration probe_interval = std::chrono::seconds(10);
  Duration probe_timeout = std::chrono::seconds(2);
};

class Runner {
 public:
  struct Surroundings {
    io::Loop& loop;
    io::Disk& disk;
    Shims& shims;
    Prober& prober;
  };
  // `directory`: the instance's own; it is made if need be. `changed`: its phase or its health is
  // another one, or it has to be said why; from a turn of its own.
  Runner(const Surroundings& surroundings, std::string name, std::string directory,
         std::function<void()> changed);
  ~Runner();

  // Until the first of these, an instance that runs already is left alone.
  void want(InstancePlan plan);
  void want_nothing(std::string why);

  const std::string& name() const { return name_; }
  const Instance& instance() const { return instance_; }
  // Of the process that runs; 0: none.
  std::int64_t process() const;
  // Nothing of it runs, and nothing is to run.
  bool gone() const;

 private:
  void adopt();
  void on_adopted(Result<std::unique_ptr<ShimLink>> link);
  void take(std::unique_ptr<ShimLink> link);
  void on_state(const shim::State& state);
  void on_lost(const Error& error);
  void on_ended(const shim::State& state);
  void go_on();  // takes steps, arms timers, tells of changes
  void start();
  void start_shim(const InstanceSpec& spec, int tries);
  void stop();
  void kill();
  void probe();
  void say();

  Surroundings around_;
  std::string name_, directory_;
  std::function<void()> changed_;
  Instance instance_{InstanceOptions()};
  std::optional<InstancePlan> plan_;  // the newest that was wanted
  std::string digest_;                // of plan_
  bool wanted_nothing_ = false;
  bool begun_ = false;    // it was wanted, or not wanted, for the first time
  bool adopting_ = true;  // it is not known yet whether an earlier life has left it running
  std::unique_ptr<ShimAttempt> attempt_;
  std::unique_ptr<ShimLink> link_;
  bool started_told_ = false, ready_told_ = false, ended_told_ = false;
  std::unique_ptr<Probe> probe_;
  std::unique_ptr<io::Timer> timer_, start_timer_, probe_timer_;
  std::string said_;  // the newest state that was told
  // Whether this object lives, for what was posted.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace polis::agent
