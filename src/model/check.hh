#pragma once

// The door's rules: what an application may not be although each of its values is right, and what
// its author should know.
//
// Threads: any; pure.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/application.hh"
#include "model/problem.hh"

namespace polis::model {

// What is known of other applications: the tier of each service, by APPLICATION/SERVICE.
struct Surroundings {
  std::map<std::string, std::int64_t> tiers;
};

// The application is normalised. `positions` may be empty; then problems have paths alone.
//
// Errors: a required dependency on a service that is less critical (with the way from the most
// critical one that needs it), or that is not there; a cycle of those; an exclusive service with
// more than one instance; volumes without a fixed index; an update that could never go on; ports or
// paths that collide; a schedule that never comes; a service without a command; names that nothing
// has. Notes: what is allowed and may surprise.
std::vector<Problem> check(const Application& application, const Positions& positions,
                           const Surroundings& surroundings = {});

}  // namespace polis::model
