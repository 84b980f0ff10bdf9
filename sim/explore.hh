#pragma once

// The exhaustive exploration of small cells (explorer.hh), by protocol.
//
// Threads: none of its own. Memory: about 20 bytes a state.

#include <vector>

#include "consensus/options.hh"

namespace polis::sim {

// What happens at most on every way through the states.
struct ExploreBounds {
  std::uint64_t replicas = 3;
  int timeouts = 2;  // elections begun, or masters that notice that nobody answers
  int proposals = 1;
  int crashes = 0;     // a replica forgets what its disk does not have, and starts again
  int heartbeats = 0;  // of masters: what was lost is sent again
  int duplicates = 0;  // messages that arrive twice
  int reads = 0;
  bool slow_disks = false;  // a disk may finish at any time; else at once
  bool fold = true;         // states that differ only in who is who are one
  std::uint64_t states_max = UINT64_MAX;
};

struct Explored {
  std::uint64_t states = 0;          // distinct ones
  std::uint64_t transitions = 0;     // steps tried
  std::uint64_t deepest = 0;         // steps of the longest way
  std::uint64_t committed_most = 0;  // entries
  bool complete = false;             // not cut off by states_max, or by a violation
  std::string violation;             // what was broken, and the way there, one step a line
};

Explored explore(consensus::Protocol protocol, const ExploreBounds& bounds);

// Those that every test run goes through whole.
const std::vector<ExploreBounds>& short_explorations();

// "3 replicas, 2 timeouts, 1 proposal"
std::string describe(const ExploreBounds& bounds);

}  // namespace polis::sim
