#pragma once

// A warning for the operator whose replica forms a cell of one, although other replicas were
// perhaps meant to take part. Pure.

#include <optional>
#include <string>

#include "cell/settings.hh"

namespace polis::cell {

// The warning, for people: the replica founds a cell of one because its settings say nothing else;
// or its settings name other founders, but its log holds a cell of one. nullopt: the cell is what
// the settings ask for. `first_start`: the data directory held no replica before. `now`: the
// configuration of the replica's log.
std::optional<std::string> founding_warning(const Settings& settings, bool first_start,
                                            const consensus::Configuration& now);

}  // namespace polis::cell
