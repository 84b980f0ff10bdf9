#pragma once

// In which order an application starts: a service after what it requires, and after the jobs that
// go before its start. Optional dependencies order nothing, so circles of them are no problem.
// What other applications have is not looked at. It stops in the reverse order.
//
// Threads: any; pure.

#include <string>
#include <vector>

#include "model/application.hh"

namespace polis::model {

// Names of services and of jobs that go before a start; no job has the name of a service.
struct StartOrder {
  // What stands in one level may start at the same time, when all of the levels before are healthy
  // or, as jobs, done.
  std::vector<std::vector<std::string>> levels;
  // Each is a circle, from its first name in the alphabet: {a, b} means that a needs b and b needs
  // a. Who is in one, or needs one that is, stands in no level.
  std::vector<std::vector<std::string>> cycles;
};
StartOrder start_order(const Application& application);

}  // namespace polis::model
