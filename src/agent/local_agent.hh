#pragma once

// Runs one application on this machine alone, without a cell: what `polis run` does.
//
// A service starts when each service that it requires serves with at least one instance, and stops
// after those that require it. The state directory keeps port numbers, volumes, logs and the shims'
// directories, so another life of the agent finds its instances and goes on.
//
// Threads: the loop's. Life: construct -> apply, any number of times -> stop. Destroying it leaves
// the instances as they are.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "agent/local_plan.hh"

namespace polis::agent {

class LocalAgent {
 public:
  // `said`: something happened to an instance, one line for people.
  LocalAgent(const Runner::Surroundings& surroundings, io::Network& network, Places places,
             std::function<void(const std::string& line)> said);

  // From now on this should run, and nothing else. kInvalid: as plan_here. kIo, kNoSpace: the state
  // directory cannot be written. kUnavailable: there is no free port. Nothing has changed then.
  Result<void> apply(const model::Application& application);
  // Everything should stop, in the reverse order; `done` once nothing runs any more.
  void stop(std::function<void()> done);

  // How many instances should run.
  std::size_t size() const { return instances_.size(); }
  // All of the application's services serve with all of their instances.
  bool all_serve() const;

 private:
  struct Kept {
    PlannedInstance planned;
    std::unique_ptr<Runner> runner;
    bool wanted = false;  // its plan was given to the runner
    std::string said;     // the newest line about it
  };

  Result<PortNumbers> allot(const model::Application& application);
  Result<std::uint16_t> free_port(const std::set<std::uint16_t>& taken);
  void advance();
  bool may_start(const std::string& service) const;
  bool may_stop(const std::string& service) const;
  void want(Kept& kept);
  void on_changed(const std::string& name);

  Runner::Surroundings around_;
  io::Network& network_;
  Places places_;
  std::function<void(const std::string&)> said_;
  std::map<std::string, std::vector<std::string>> requires_;  // service -> those that it needs
  std::map<std::string, Kept> instances_;                     // by name, as it should be
  std::map<std::string, Kept> leaving_;                       // that are not wanted any more
  std::function<void()> stopped_;                             // set: everything is to stop
};

}  // namespace polis::agent
