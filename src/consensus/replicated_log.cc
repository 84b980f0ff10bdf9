#include "consensus/replicated_log.hh"

namespace polis::consensus {

const char* to_string(Role role) {
  switch (role) {
    case Role::kFollower:
      return "follower";
    case Role::kPreCandidate:
      return "pre-candidate";
    case Role::kCandidate:
      return "candidate";
    case Role::kMaster:
      return "master";
    case Role::kLearner:
      return "learner";
  }
  return "?";
}

}  // namespace polis::consensus
