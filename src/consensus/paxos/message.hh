#pragma once

// What Paxos replicas say to each other. The wire form is described in
// docs/formats/paxos-messages.md.
//
// Source: "Paxos Made Simple" (Lamport 2001), called "Simple" here; "Paxos Made Live" (Chandra,
// Griesemer, Redstone 2007), called "Live".

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hh"
#include "consensus/replicated_log.hh"
#include "consensus/types.hh"

namespace polis::paxos {

using consensus::Entry;
using consensus::LogIndex;
using consensus::ReadId;
using consensus::ReplicaId;
using consensus::SnapshotMark;
using consensus::Term;

// A proposal's number (Simple 2.2): no two proposers ever use the same one. The papers and Raft's
// readers call the first part a round or a term; here a *round* is always a heartbeat's number
// (read_rounds.hh).
struct Ballot {
  Term term;
  ReplicaId replica;

  auto operator<=>(const Ballot&) const = default;
};

// Above all that anyone uses.
inline constexpr Ballot kNobodysBallot{Term(UINT64_MAX), ReplicaId(UINT64_MAX)};

// The one under which the entry was accepted.
inline Ballot ballot_of(const Entry& entry) { return {entry.term, entry.proposer}; }

// Sent: DO NOT CHANGE the numbers.
enum class MessageType : std::uint8_t {
  kPoll = 1,  // "would you answer a prepare with `ballot`?"; nobody is bound by the answer
  kPollReply = 2,
  kPrepare = 3,    // phase 1a, for every slot from `slot` on (Simple 2.2; Live 4.2)
  kPromise = 4,    // phase 1b, the promise of an acceptor to a ballot: a part of what it accepted
                   // from `slot` on; the next part begins at `through` + 1, if there is `more`
  kAccept = 5,     // phase 2a: `entries` are proposed under `ballot`
  kAccepted = 6,   // phase 2b: those from `slot` through `through`
  kHeartbeat = 7,  // carries `round`, which the reply gives back, and `promise`, the lease promise
                   // that it asks for (lease.hh)
  kHeartbeatReply = 8,
  kCommit = 9,        // everything through `commit` is chosen; not answered
  kReject = 10,       // the receiver's ballot is too low: `ballot` has been promised
  kLearn = 11,        // "what was chosen from `slot` on?"
  kChosen = 12,       // `entries` are chosen; `commit`: there is more through here
  kSnapshotAsk = 13,  // the part at `offset` of the snapshot `mark`; `reject`: it is damaged
  kSnapshotChunk = 14,
  kReadIndex = 15,  // a follower asks for a read index (Raft thesis 6.4)
  kReadIndexReply = 16,
  kStand = 17,  // the master hands over: prepare now
};
inline constexpr std::uint8_t kMessageTypeLast = 17;

struct Message {
  MessageType type = MessageType::kHeartbeat;
  ReplicaId from;
  ReplicaId to;
  Ballot ballot;  // the proposer's; in answers the one that is answered, but for kReject

  LogIndex slot;     // see MessageType
  LogIndex through;  // kPromise, kAccepted
  LogIndex commit;   // everything through here is chosen, and here, as far as the sender knows
  bool reject = false;
  bool more = false;  // kPromise
  // kPrepare: asked for by the master itself (kStand), whose ballot this is; else all zero.
  Ballot predecessor;
  // kHeartbeat and its reply: the heartbeat's round. kStand, and the kPrepare that it leads to: the
  // master's newest round when it handed over. kPollReply: the term of the highest ballot that the
  // sender has promised. kPoll: how many polls the sender has lost since it last heard a master.
  std::uint64_t round = 0;
  // kHeartbeat: for how long the receiver is asked not to help another candidate (lease promise).
  Duration promise{};
  ReadId read;  // kReadIndex and reply
  // Rising slots; those of kAccept and kChosen without gaps, from `slot` on.
  std::vector<Entry> entries;

  // kSnapshotChunk and kSnapshotAsk. The chunk's bytes come last: the driver appends them.
  SnapshotMark mark;
  std::uint64_t snapshot_size = 0;
  std::uint64_t offset = 0;
  std::uint32_t chunk_length = 0;
  std::string chunk;

  std::optional<consensus::ChunkReference> chunk_reference() const;
  // kInvalid: not a message, or one that breaks a bound.
  static Result<Message> decode(std::string_view bytes);
};

// Without the chunk's bytes, which the driver appends.
std::string encode(const Message& message);

// For transcripts and traces: one line.
std::string describe(const Message& message);
const char* to_string(MessageType type);

}  // namespace polis::paxos
