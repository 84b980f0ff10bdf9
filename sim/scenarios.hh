#pragma once

// Scenarios: sequences of steps in which other systems went wrong, or could. Most of them are the
// consistency bugs that etcd found in itself in ten years (its issues and post-mortems are public).
// Here each of them must be impossible.
//
// Threads: a scenario runs on one thread; several may run at a time on different threads.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "consensus/options.hh"

namespace polis::sim {

struct Scenario {
  std::string name;   // the fact that must hold
  std::string about;  // where the scenario comes from
  // Plays it with this protocol. The result says what is broken; nullopt: the fact holds.
  std::function<std::optional<std::string>(consensus::Protocol)> run;
};

const std::vector<Scenario>& scenarios();

}  // namespace polis::sim
