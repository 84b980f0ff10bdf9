#pragma once

// How replicas reach each other: messages that may be lost, late, repeated and out of order.
// peers::PeerLinks is the real transport; sim::Node has a simulated one.
//
// Threads: the loop's.

#include <string>

#include "consensus/types.hh"

namespace polis::replica {

class Transport {
 public:
  virtual ~Transport() = default;
  // Takes a message for a member. Never blocks. If the member is not connected, the message is
  // lost.
  virtual void send(consensus::ReplicaId to, std::string message) = 0;
  // Gives all messages that were taken so far to the network.
  virtual void flush() = 0;
  // The newest cell version that the peer knows (store/cell_version.hh). 0: not known, because the
  // peer is not connected now.
  virtual std::uint32_t cell_version_of(consensus::ReplicaId peer) const = 0;
};

}  // namespace polis::replica
