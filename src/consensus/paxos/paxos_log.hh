#pragma once

// Multi-Paxos behind the contract of consensus/replicated_log.hh.

#include "consensus/encoded_log.hh"
#include "consensus/paxos/paxos.hh"

namespace polis::paxos {

using PaxosLog = consensus::EncodedLog<Paxos>;

}  // namespace polis::paxos
