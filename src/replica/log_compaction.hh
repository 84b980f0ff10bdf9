#pragma once

// How much of the log in memory may be forgotten. Pure.

#include <optional>

#include "replica/options.hh"
#include "replica/types.hh"

namespace polis::replica {

// Entries through the returned index may go; nothing: none may now.
//
// What the engine does not hold durably stays. So does a tail of Options::log_retain_bytes, from
// which followers that lag a little are fed; and while a snapshot is being sent, what comes behind
// it, since its receiver will ask for that: up to Options::log_bytes_max.
//
// `durable`: where the state ends that the engine holds. `snapshot`: where the one ends that can be
// sent, if there is one.
std::optional<LogIndex> forgettable(const Options& options, const consensus::Status& log,
                                    LogIndex durable, std::optional<LogIndex> snapshot);

}  // namespace polis::replica
