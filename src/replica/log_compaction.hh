#pragma once

// How much of the log in memory may be forgotten. Pure functions, from any thread.

#include <optional>

#include "replica/options.hh"
#include "replica/types.hh"

namespace polis::replica {

// The entries through the returned index may be forgotten. nullopt: no entry may be forgotten now.
//
// Three parts of the log stay: what the engine does not hold durably; about the last
// Options::log_retain_bytes, from which followers that lag a little are fed; and, while a snapshot
// is being sent, the entries behind that snapshot, since its receiver will ask for them. The last
// part goes, too, when the log has grown beyond Options::log_bytes_max or 64 times
// log_retain_bytes.
//
// `log`: the log's status. `durable`: the index through which the engine holds the state durably.
// `snapshot`: the index of the snapshot that can be sent; nullopt: there is none.
std::optional<LogIndex> forgettable(const Options& options, const consensus::Status& log,
                                    LogIndex durable, std::optional<LogIndex> snapshot);

}  // namespace polis::replica
