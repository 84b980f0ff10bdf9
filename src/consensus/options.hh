#pragma once

// The options of a protocol: times, sizes, and how reads are answered. Both protocols take the same
// ones. All sizes are bytes.
//
// Threads: plain values and pure functions.

#include <optional>
#include <string_view>

#include "consensus/lease.hh"

namespace polis::consensus {

// Sent between replicas: DO NOT CHANGE the numbers.
enum class Protocol : std::uint8_t { kRaft = 0, kPaxos = 1 };
const char* to_string(Protocol protocol);
// The protocol named "raft" or "paxos". nullopt: there is no such protocol.
std::optional<Protocol> protocol_of(std::string_view name);

struct Options {
  ReplicaId id;  // of this replica; never kNoReplica

  // The time between two heartbeats of a master, more than zero. Shorter: a dead master is noticed
  // sooner, but more messages are sent.
  Duration heartbeat_interval = std::chrono::milliseconds(50);
  // A follower that hears nothing from a master begins an election after a random time between
  // these two. Constraint: min >= 3 * heartbeat_interval, max > min.
  Duration election_timeout_min = std::chrono::milliseconds(300);
  Duration election_timeout_max = std::chrono::milliseconds(600);

  // The largest sum of the entries in one message. Larger: fewer messages, more memory. An entry
  // that is larger than this is sent in a message of its own.
  std::size_t append_bytes_max = 1 << 20;
  // How many messages with entries, and how many bytes of entries, may be under way to one follower
  // without an answer. More wait until the follower answers.
  std::size_t in_flight_messages_max = 256;
  std::size_t in_flight_bytes_max = 8 << 20;
  // The master refuses a proposal (kUnavailable) if more bytes than this would be uncommitted. If
  // nothing is uncommitted, a proposal of any size is accepted.
  std::size_t uncommitted_bytes_max = 64 << 20;
  // The largest sum of the committed entries in one Output, so that applying a long log does not
  // delay heartbeats.
  std::size_t committed_bytes_max = 4 << 20;
  // A snapshot is sent in parts of this size.
  std::uint32_t snapshot_chunk_bytes = 256 << 10;

  // Before an election, a candidate asks the voters whether they would elect it: a poll (Raft
  // thesis 9.6). Off only in tests.
  bool pre_vote = true;
  LeaseOptions lease;
  std::uint64_t seed = 1;  // for the random election timeouts; another one on each replica

  // kInvalid: a constraint does not hold; the text names it.
  Result<void> validate() const;
};

}  // namespace polis::consensus
