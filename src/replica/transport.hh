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
  // Never blocks; what cannot be sent now is lost.
  virtual void send(consensus::ReplicaId to, std::string message) = 0;
  // Everything given so far leaves now.
  virtual void flush() = 0;
  // The newest cell version that the peer knows (store/cell_version.hh), if it is connected now; 0:
  // not known.
  virtual std::uint32_t cell_version_of(consensus::ReplicaId peer) const = 0;
};

}  // namespace polis::replica
