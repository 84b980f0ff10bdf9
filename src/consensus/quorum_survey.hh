#pragma once

// What a configuration survives, found by looking at every set of voters (nine at most).
//
// Threads: pure functions.

#include "consensus/quorum.hh"

namespace polis::consensus {

struct Survey {
  std::size_t voters = 0;
  // Of one phase: what is enough, and what is survived.
  struct Decides {
    std::size_t quorums = 0;      // sets that are one and none of whose parts is
    std::size_t smallest = 0;     // voters in the smallest one
    std::size_t losses_any = 0;   // whichever so many are lost, the rest is still a quorum
    std::size_t losses_most = 0;  // so many may be lost if they are the right ones
    // The smallest losses that stop it, each sorted by id; at most kShownMax of them.
    std::vector<std::vector<ReplicaId>> fatal;
    std::size_t fatal_count = 0;
    // With every place lost in turn: how many more, whichever, are survived; -1: not even the
    // place.
    std::vector<std::pair<std::string, int>> places;
  };
  Decides elect, commit;
  static constexpr std::size_t kShownMax = 6;
};

Survey survey(const Configuration& configuration);

}  // namespace polis::consensus
