#pragma once

// Raft behind the contract of consensus/replicated_log.hh.

#include "consensus/encoded_log.hh"
#include "consensus/raft/raft.hh"

namespace polis::raft {

using RaftLog = consensus::EncodedLog<Raft>;

}  // namespace polis::raft
