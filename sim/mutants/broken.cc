// The product with one deliberate bug of mutants.py: what test/demo_test.py and test/faults_test.py
// must catch. It acknowledges before the quorum has it, whichever protocol it runs.

#include <cstdlib>
#include <cstring>

#include "mutants.hh"

namespace polis {
namespace {

int number_of(const char* name) {
  for (int i = 1; i < static_cast<int>(std::size(kMutants)); ++i) {
    if (std::strcmp(kMutants[i], name) == 0) return i;
  }
  std::abort();
}

bool runs_paxos() {
  const char* protocol = std::getenv("FOUNDED_WITH");
  return protocol != nullptr && std::strcmp(protocol, "paxos") == 0;
}

}  // namespace

extern int mutant;
int mutant = number_of(runs_paxos() ? "acknowledge_before_the_quorum_has_accepted"
                                    : "acknowledge_before_the_quorum");

}  // namespace polis
