#pragma once

// The health pages of a replica: /health, /livez and /readyz, as etcd 3.7 has them. A page answers
// with status 200 if all its checks hold, else with 503.
//
//   /health   JSON. Not healthy: the disk of a member is full (exclude=NOSPACE leaves this out);
//             there is no master; or a linearizable read fails. serializable=true leaves the last
//             two out.
//   /livez    check serializable_read: this process answers.
//   /readyz   checks data_corruption, serializable_read, linearizable_read, non_learner.
//
// /livez/NAME and /readyz/NAME make one check alone. exclude=NAME leaves a check out. verbose lists
// the checks.
//
// Threads: pure functions, from any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.hh"
#include "store/status.hh"

namespace polis::cell {

struct HealthRequest {
  bool json = false;          // it is for /health
  bool serializable = false;  // /health alone: serializable=true
  bool ignore_space = false;  // /health alone: exclude=NOSPACE
  bool verbose = false;
  std::vector<std::string_view> checks;  // of /livez and /readyz, in the order of the answer
};

// Reads the path of a request, with its query. nullopt: it is none of these pages.
std::optional<HealthRequest> parse_health_request(std::string_view path);

struct HealthState {
  bool has_master = false;
  bool learner = false;
  bool space_alarm = false;  // the disk of a member is full
};

// Whether the answer depends on a linearizable read. If it does not, call health_response at once.
bool needs_read(const HealthRequest& request, const HealthState& state);

// The answer. `read`: how the linearizable read ended; ignored if none is needed.
http::HttpResponse health_response(const HealthRequest& request, const HealthState& state,
                                   const store::Status& read);

}  // namespace polis::cell
