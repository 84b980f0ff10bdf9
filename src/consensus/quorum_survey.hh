#pragma once

// Finds which losses of voters a configuration survives, for people that choose a quorum rule
// (`polis cell quorum explain`).
//
// The answers are given for each phase: electing a master, and committing entries (quorum.hh). A
// phase *survives* a loss if the voters that are left still contain a quorum for it. A *minimal
// quorum* is a quorum that is no quorum any more when any one of its voters is taken out. "Any N
// losses tolerated" means: whichever N voters are lost, the phase goes on.
//
// All sets of voters are tried: at most 2^9, or 2^10 in a joint configuration.
//
// Threads: pure functions, from any thread.

#include "consensus/quorum.hh"

namespace polis::consensus {

struct Survey {
  std::size_t voters = 0;  // in a joint configuration: of the new set
  // The answers for one phase.
  struct Decides {
    std::size_t quorums = 0;      // how many minimal quorums there are
    std::size_t smallest = 0;     // voters in the smallest quorum
    std::size_t losses_any = 0;   // any N losses tolerated: this is the largest such N
    std::size_t losses_most = 0;  // some loss of this many is tolerated, and none of more
    // The smallest losses that stop the phase: sets of losses_any + 1 voters, each sorted by id. At
    // most kShownMax of them.
    std::vector<std::vector<ReplicaId>> fatal;
    std::size_t fatal_count = 0;  // how many sets of that size stop the phase
    // For each place, by name: if the whole place is lost, any N further losses are tolerated; the
    // largest such N. -1: the loss of the place alone stops the phase.
    std::vector<std::pair<std::string, int>> places;
  };
  Decides elect, commit;
  static constexpr std::size_t kShownMax = 6;
};

// Precondition: check_quorums(configuration) has no error.
Survey survey(const Configuration& configuration);

}  // namespace polis::consensus
