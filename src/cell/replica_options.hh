#pragma once

// The options of a replica, from the settings of its cell.

#include <cstdint>

#include "cell/settings.hh"
#include "replica/replica.hh"

namespace polis::cell {

// `incarnation`: as claim_directory gives it. `begun`: there was a log before this start.
replica::Options replica_options(const Settings& settings, std::uint64_t incarnation, bool begun);

// Lowers the bounds on what a replica keeps in memory for a time (log, unsaved records, pending
// commands), so that most of `memory` is left for the index of the keys. `memory`: bytes that the
// process may use. With 4 GiB or more nothing changes.
void fit_into(replica::Options& options, std::uint64_t memory);

}  // namespace polis::cell
