#pragma once

// How replicas reach each other: datagrams that may be lost, late, repeated and out of order. The
// real one is peers::PeerLinks, the simulated one sim::SimulatedNetwork.
//
// Threads: the loop's.

#include <string>

#include "consensus/types.hh"

namespace polis::replica {

class Transport {
 public:
  virtual ~Transport() = default;
  // Takes a message to a member. Never blocks. The message may be lost.
  virtual void send(consensus::ReplicaId to, std::string message) = 0;
  // Sends everything that was taken so far.
  virtual void flush() = 0;
  // The newest cell version that the peer knows (store/cell_version.hh). 0: not known, because the
  // peer is not connected now.
  virtual std::uint32_t cell_version_of(consensus::ReplicaId peer) const = 0;
};

}  // namespace polis::replica
