#pragma once

// The exhaustive exploration of small cells (explorer.hh), for either protocol.
//
// Threads: none of its own. Memory: about 20 bytes for each state.

#include <vector>

#include "consensus/options.hh"

namespace polis::sim {

// Each way through the states has at most this many events of each kind.
struct ExploreBounds {
  std::uint64_t replicas = 3;
  int timeouts = 2;  // elections that begin, or masters that notice that nobody answers
  int proposals = 1;
  int crashes = 0;     // a replica loses what is not on its disk, and starts again
  int heartbeats = 0;  // of masters; with them lost messages are sent again
  int duplicates = 0;  // messages that arrive twice
  int reads = 0;
  bool slow_disks = false;  // true: a sync may end at any later time; false: it ends at once
  bool fold = true;         // states that differ only in which replica is which count as one
  std::uint64_t states_max = UINT64_MAX;  // the exploration ends after this many states
};

struct Explored {
  std::uint64_t states = 0;          // different states that were entered
  std::uint64_t transitions = 0;     // steps that were tried
  std::uint64_t deepest = 0;         // the number of steps of the longest way
  std::uint64_t committed_most = 0;  // the most entries that were committed in one state
  bool complete = false;             // false: ended by states_max or by a violation
  std::string violation;  // what was broken, and the way to it, one step in each line; else empty
};

// Explores all states within the bounds.
Explored explore(consensus::Protocol protocol, const ExploreBounds& bounds);

// The explorations that every test run does.
const std::vector<ExploreBounds>& short_explorations();

// The bounds in words, such as "3 replicas, 2 timeouts, 1 proposal".
std::string describe(const ExploreBounds& bounds);

}  // namespace polis::sim
