#pragma once

// How a protocol behaves; both take the same.

#include <optional>
#include <string_view>

#include "consensus/lease.hh"

namespace polis::consensus {

// Sent between replicas: DO NOT CHANGE the numbers.
enum class Protocol : std::uint8_t { kRaft = 0, kPaxos = 1 };
const char* to_string(Protocol protocol);
// Nothing: there is no such protocol.
std::optional<Protocol> protocol_of(std::string_view name);

struct Options {
  ReplicaId id;

  // How often a master makes itself heard. Shorter finds dead masters sooner and costs messages.
  Duration heartbeat_interval = std::chrono::milliseconds(50);
  // A follower that hears nothing stands for election after a random time between these two.
  // Constraint: min >= 3 * heartbeat_interval, max > min.
  Duration election_timeout_min = std::chrono::milliseconds(300);
  Duration election_timeout_max = std::chrono::milliseconds(600);

  // Payload of one append message. Larger costs fewer messages and more memory.
  std::size_t append_bytes_max = 1 << 20;
  // What may be under way to one follower before its replies are awaited.
  std::size_t in_flight_messages_max = 256;
  std::size_t in_flight_bytes_max = 8 << 20;
  // Proposals are refused while this much is uncommitted.
  std::size_t uncommitted_bytes_max = 64 << 20;
  // Committed entries handed out by one output, so that applying a long log does not hold up
  // heartbeats.
  std::size_t committed_bytes_max = 4 << 20;
  // One part of a snapshot.
  std::uint32_t snapshot_chunk_bytes = 256 << 10;

  bool pre_vote = true;
  LeaseOptions lease;
  std::uint64_t seed = 1;  // for the random election timeouts

  // kInvalid: names the relation that does not hold.
  Result<void> validate() const;
};

}  // namespace polis::consensus
