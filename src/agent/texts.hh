#pragma once

// What a shim tells in numbers, said for people: what happened, to what, and what to do.
//
// Threads: any.

#include <string>

#include "base/error.hh"
#include "shim/protocol.hh"

namespace polis::agent {

// Why the instance was not started. Only if state.exit is kNeverRan.
std::string start_failure(const shim::State& state);
// How it ended, as "exited with status 3"; empty: it has not.
std::string how_it_ended(const shim::State& state);
// The error for an answer that is not kDone.
Error refused_request(const shim::Answer& answer);
// The error for a connection that the shim of `directory` refused.
Error refused_connection(const shim::Refusal& refusal, const std::string& directory);

}  // namespace polis::agent
