#pragma once

// Fills in the defaults that depend on other keys, and puts everything into its order: the last
// step from a file to a value that nobody has to complete.
//
// Threads: any; pure.

#include "model/application.hh"
#include "model/problem.hh"

namespace polis::model {

// Says what cannot be chosen, such as the port of a check where there are two. Done twice it
// changes nothing more.
void normalise(Application& application, const Positions& positions, Problems& problems);

}  // namespace polis::model
