#pragma once

// What the settings of a cell mean for its replica.

#include <cstdint>

#include "cell/settings.hh"
#include "replica/replica.hh"

namespace polis::cell {

// `incarnation`: larger after every start. `begun`: there was a log before this start.
replica::Options replica_options(const Settings& settings, std::uint64_t incarnation, bool begun);

// What a replica holds for a while may use only a part of the memory that it may use: most of it is
// for the index of the keys. With four gigabytes or more these are the usual bounds.
void fit_into(replica::Options& options, std::uint64_t memory);

}  // namespace polis::cell
