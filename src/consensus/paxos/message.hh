#pragma once

// The messages that Paxos replicas send each other. The wire form is described in
// docs/formats/paxos-messages.md.
//
// Threads: plain values and pure functions, from any thread.
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

// A proposal's number (Simple 2.2). Ballots are ordered by term, then by replica, so no two
// proposers ever use the same one. The papers call a ballot's number a round, too; here a *round*
// is a numbered heartbeat and nothing else (read_rounds.hh).
struct Ballot {
  Term term;
  ReplicaId replica;  // the proposer

  auto operator<=>(const Ballot&) const = default;
};

// Higher than every ballot that a proposer uses.
inline constexpr Ballot kNobodysBallot{Term(UINT64_MAX), ReplicaId(UINT64_MAX)};

// The ballot under which the entry was accepted.
inline Ballot ballot_of(const Entry& entry) { return {entry.term, entry.proposer}; }

// What each type means, and which fields it uses besides from and to. A type leaves all other
// fields zero. `ballot` is the sender's own in kPoll, kPrepare, kAccept, kHeartbeat, kCommit and
// kStand. A reply repeats the ballot that it answers. "yes" is a reply without `reject`, "no" one
// with it.
//
//   type             meaning                             fields besides `ballot`
//   kPoll            would you promise if I prepared?    slot: the first that is not known chosen;
//                    (the answer binds nobody)           polls_in_vain
//   kPollReply       yes, or no (reject)                 promised_term
//   kPrepare         phase 1a, for all slots from        slot; predecessor, round: of a hand-over
//                    `slot` on
//   kPromise         phase 1b: what was accepted from    slot, through, entries, more; commit
//                    `slot` through `through`
//   kAccept          phase 2a: accept these              slot: of the first; entries; commit
//   kAccepted        phase 2b: accepted, durably         slot, through; commit
//   kHeartbeat       I am master; do you still follow?   round, lease_promise; commit
//   kHeartbeatReply  I do, and give the lease promise    round: the heartbeat's; commit
//   kCommit          more is chosen (no reply follows)   commit
//   kReject          your ballot is too low              (`ballot`: the one that was promised)
//   kStand           I hand over: prepare now            round: the master's newest
//
//   Without a ballot:
//   kLearn           what was chosen from `slot` on?     slot
//   kChosen          these were                          slot: of the first; entries; commit
//   kSnapshotAsk     send the part at `offset`; or       mark, offset, reject; slot: the first that
//                    (reject) this one is damaged        is not known chosen
//   kSnapshotChunk   that part                           mark, snapshot_size, offset, chunk_length,
//                                                        chunk
//   kReadIndex       what must this read wait for?       read
//   kReadIndexReply  yes: for `commit`                   read, commit
//                    no: I am not the master any more    read, reject
//
// Simple: phases 2.2, learning 2.3. Live: one prepare for all slots 4.2, snapshots 5.5. Raft
// thesis: polls 9.6, read index 6.4, hand-over 3.10.
//
// Sent: DO NOT CHANGE the numbers.
enum class MessageType : std::uint8_t {
  kPoll = 1,
  kPollReply = 2,
  kPrepare = 3,
  kPromise = 4,
  kAccept = 5,
  kAccepted = 6,
  kHeartbeat = 7,
  kHeartbeatReply = 8,
  kCommit = 9,
  kReject = 10,
  kLearn = 11,
  kChosen = 12,
  kSnapshotAsk = 13,
  kSnapshotChunk = 14,
  kReadIndex = 15,
  kReadIndexReply = 16,
  kStand = 17,
};
inline constexpr std::uint8_t kMessageTypeLast = 17;

struct Message {
  MessageType type = MessageType::kHeartbeat;
  ReplicaId from;
  ReplicaId to;
  Ballot ballot;

  LogIndex slot;     // which one depends on the type: see the table
  LogIndex through;  // kPromise, kAccepted: the last slot that the message is about
  // Everything through here is chosen, as far as the sender knows. In kAccepted and kHeartbeatReply
  // also: and is durable at the sender. kReadIndexReply: the read index.
  LogIndex commit;
  bool reject = false;
  bool more = false;  // kPromise: the acceptor has accepted more, behind `through`
  // kPrepare: the ballot of the master that asked for this election by kStand. Zero: no master
  // asked for it.
  Ballot predecessor;
  // The number of a heartbeat (read_rounds.hh). kStand, and the kPrepare that follows from it: the
  // master's newest round when it handed over.
  std::uint64_t round = 0;
  // kPoll: how many polls the sender has lost since it last heard a master.
  std::uint64_t polls_in_vain = 0;
  Term promised_term;  // kPollReply: of the highest ballot that the sender has promised
  // kHeartbeat: for how long the receiver is asked to help elect nobody else (lease.hh).
  Duration lease_promise{};
  ReadId read;  // kReadIndex and its reply
  // In rising slots. kAccept and kChosen: without gaps, from `slot` on.
  std::vector<Entry> entries;

  // kSnapshotChunk and kSnapshotAsk. The chunk's bytes come last on the wire: the driver appends
  // them.
  SnapshotMark mark;
  std::uint64_t snapshot_size = 0;
  std::uint64_t offset = 0;
  std::uint32_t chunk_length = 0;
  std::string chunk;

  std::optional<consensus::ChunkReference> chunk_reference() const;
  // kInvalid: the bytes are no message, or a message that breaks a bound.
  static Result<Message> decode(std::string_view bytes);
};

// The wire form, without the chunk's bytes, which the driver appends.
std::string encode(const Message& message);

// For transcripts and traces: one line.
std::string describe(const Message& message);
const char* to_string(MessageType type);

}  // namespace polis::paxos
