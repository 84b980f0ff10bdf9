#pragma once

// What a replica says of its health: /health, /livez and /readyz, as etcd 3.7 has them.
//
//   /health   JSON. Not healthy: a member's disk is full (exclude=NOSPACE leaves that out), there
//   is
//             no master, a linearizable read fails. serializable=true asks for this replica alone.
//   /livez    check serializable_read: this process answers.
//   /readyz   checks data_corruption, serializable_read, linearizable_read, non_learner.
//   /livez/NAME and /readyz/NAME ask for one check; exclude=NAME leaves one out; verbose lists
//   them.
//
// Threads: pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.hh"
#include "store/status.hh"

namespace polis::cell {

struct HealthRequest {
  bool json = false;          // /health
  bool serializable = false;  // /health alone
  bool ignore_space = false;  // /health alone
  bool verbose = false;
  std::vector<std::string_view> checks;  // of /livez and /readyz, in the order of the answer
};

// Nothing: `path` (with its query) is none of these pages.
std::optional<HealthRequest> parse_health_request(std::string_view path);

struct HealthState {
  bool has_master = false;
  bool learner = false;
  bool space_alarm = false;  // the disk of a member is full
};

// Whether the answer depends on a linearizable read. If not, give the answer at once.
bool needs_read(const HealthRequest& request, const HealthState& state);

// `read`: how the linearizable read ended; not looked at if none is needed.
http::HttpResponse health_response(const HealthRequest& request, const HealthState& state,
                                   const store::Status& read);

}  // namespace polis::cell
