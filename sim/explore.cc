#include "sim/explore.hh"

#include <fmt/format.h>

#include "consensus/paxos/testing/digest.hh"
#include "consensus/raft/testing/digest.hh"
#include "sim/explorer.hh"

namespace polis::sim {

Explored explore(consensus::Protocol protocol, const ExploreBounds& bounds) {
  return protocol == consensus::Protocol::kPaxos ? Explorer<paxos::testing::Kind>(bounds).run()
                                                 : Explorer<raft::testing::Kind>(bounds).run();
}

const std::vector<ExploreBounds>& short_explorations() {
  static const std::vector<ExploreBounds> all{
      {.replicas = 2, .timeouts = 2, .crashes = 1, .slow_disks = true},
      {.replicas = 2, .timeouts = 2, .reads = 1},
      {.replicas = 2, .timeouts = 1, .heartbeats = 1, .duplicates = 1},
      {.replicas = 2, .timeouts = 2, .duplicates = 1},
      {.replicas = 3, .timeouts = 1, .crashes = 1, .slow_disks = true},
      {.replicas = 3, .timeouts = 1, .reads = 1},
      {.replicas = 2, .timeouts = 3, .crashes = 1, .slow_disks = true},
      {.replicas = 2, .timeouts = 2, .proposals = 2, .crashes = 2, .slow_disks = true},
      {.replicas = 3, .timeouts = 2},
  };
  return all;
}

std::string describe(const ExploreBounds& bounds) {
  std::string text = fmt::format("{} replicas", bounds.replicas);
  auto add = [&](int count, const char* what) {
    if (count > 0) text += fmt::format(", {} {}{}", count, what, count == 1 ? "" : "s");
  };
  add(bounds.timeouts, "timeout");
  add(bounds.proposals, "proposal");
  add(bounds.crashes, bounds.crashes == 1 ? "crash" : "crashe");
  add(bounds.heartbeats, "heartbeat");
  add(bounds.duplicates, "duplicate");
  add(bounds.reads, "read");
  if (bounds.slow_disks) text += ", slow disks";
  return text;
}

}  // namespace polis::sim
