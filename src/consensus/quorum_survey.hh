#pragma once

// Which losses of voters a configuration survives. Found by trying every set of voters (at most
// 2^9).
//
// Phases: one that elects (votes, promises) and one that commits. A *minimal quorum* is a set of
// voters that is a quorum and that is none any more without any one of them.
//
// Threads: pure functions.

#include "consensus/quorum.hh"

namespace polis::consensus {

struct Survey {
  std::size_t voters = 0;
  // About one phase.
  struct Decides {
    std::size_t quorums = 0;     // how many minimal quorums there are
    std::size_t smallest = 0;    // voters in the smallest quorum
    std::size_t losses_any = 0;  // the phase survives the loss of any so many voters
    std::size_t losses_most =
        0;  // it survives the loss of so many if they are well chosen, no more
    // Minimal losses: sets of voters whose loss stops the phase, while the loss of all but one of
    // them does not. The smallest sets first, each sorted by id; at most kShownMax.
    std::vector<std::vector<ReplicaId>> fatal;
    std::size_t fatal_count = 0;  // how many such sets there are in all
    // For each place by name: when the whole place is lost, the loss of how many voters more,
    // whichever they are, is survived; -1: the loss of the place alone stops the phase.
    std::vector<std::pair<std::string, int>> places;
  };
  Decides elect, commit;
  static constexpr std::size_t kShownMax = 6;
};

// Precondition: check_quorums(configuration).
Survey survey(const Configuration& configuration);

}  // namespace polis::consensus
