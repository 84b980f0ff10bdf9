#pragma once

// What an operator should know when a replica founds a cell of one, or has one and was meant to
// take part in another. Pure.

#include <optional>
#include <string>

#include "cell/settings.hh"

namespace polis::cell {

// `first_start`: the data directory held no replica yet. `now`: who takes part, as the replica's
// log says. Nothing: all is as it was asked for.
std::optional<std::string> founding_warning(const Settings& settings, bool first_start,
                                            const consensus::Configuration& now);

}  // namespace polis::cell
