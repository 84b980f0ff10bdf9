// The mutant that polis_broken is.

namespace polis {
extern int mutant;
int mutant = 1;  // acknowledge_before_the_quorum: the first of mutants.py
}  // namespace polis
