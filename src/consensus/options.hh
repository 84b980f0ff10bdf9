#pragma once

// How a protocol behaves. Both protocols take the same options. All sizes are bytes.

#include <optional>
#include <string_view>

#include "consensus/lease.hh"

namespace polis::consensus {

// Sent between replicas: DO NOT CHANGE the numbers.
enum class Protocol : std::uint8_t { kRaft = 0, kPaxos = 1 };
const char* to_string(Protocol protocol);
// "raft" or "paxos". Nothing: there is no such protocol.
std::optional<Protocol> protocol_of(std::string_view name);

struct Options {
  ReplicaId id;  // of this replica

  // Between two heartbeats of a master. Shorter: a dead master is found sooner, at more messages.
  Duration heartbeat_interval = std::chrono::milliseconds(50);
  // A follower that hears nothing begins an election after a random time between these two.
  // Constraint: min >= 3 * heartbeat_interval, max > min.
  Duration election_timeout_min = std::chrono::milliseconds(300);
  Duration election_timeout_max = std::chrono::milliseconds(600);

  // Entries in one message. Larger: fewer messages, more memory. An entry that is larger by itself
  // is sent alone.
  std::size_t append_bytes_max = 1 << 20;
  // What may be under way to one follower that it has not answered yet: messages, and bytes.
  std::size_t in_flight_messages_max = 256;
  std::size_t in_flight_bytes_max = 8 << 20;
  // A proposal is refused if more than this would be uncommitted. One alone is never too large.
  std::size_t uncommitted_bytes_max = 64 << 20;
  // Committed entries in one Output, so that applying a long log does not hold heartbeats up.
  std::size_t committed_bytes_max = 4 << 20;
  // One part of a snapshot, as it is sent.
  std::uint32_t snapshot_chunk_bytes = 256 << 10;

  // A candidate first asks whether it would be elected (Raft thesis 9.6). Off only in tests.
  bool pre_vote = true;
  LeaseOptions lease;
  std::uint64_t seed = 1;  // for the random election timeouts

  // kInvalid: names the relation that does not hold.
  Result<void> validate() const;
};

}  // namespace polis::consensus
