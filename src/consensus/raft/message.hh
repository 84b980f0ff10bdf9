#pragma once

// The messages that Raft replicas send each other. The wire form is described in
// docs/formats/raft-messages.md.
//
// Threads: plain values and pure functions, from any thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hh"
#include "consensus/replicated_log.hh"
#include "consensus/types.hh"

namespace polis::raft {

using consensus::Entry;
using consensus::LogIndex;
using consensus::ReadId;
using consensus::ReplicaId;
using consensus::SnapshotMark;
using consensus::Term;

// What each type means, and which fields it uses besides from, to and term. A type leaves all other
// fields zero. "yes" is a reply without `reject`, "no" one with it.
//
//   type             meaning                               fields
//   kPreVote         would you vote for me in `term`?      index, log_term: last entry of the log
//   kPreVoteReply    yes: `term` is the one asked about    -
//                    no: `term` is the voter's own         reject
//   kVote            vote for me in `term`                 index, log_term: last entry of the log;
//                                                          transfer, round: of a hand-over
//   kVoteReply       yes: you have my vote                 -
//                    no                                    reject
//   kAppend          append these entries                  index, log_term: the entry before them;
//                                                          entries; commit: leader's commit index
//   kAppendReply     yes: the logs match through `index`   index
//                    no: try again behind `index`          reject; index, log_term: a hint;
//                                                          commit: `index` of the refused append
//   kHeartbeat       I lead; do you still follow?          round, lease_promise; commit: entries
//                                                          through here are committed, and you
//                                                          hold them
//   kHeartbeatReply  I do, and I give the lease promise    round: the heartbeat's
//   kSnapshotChunk   one part of a snapshot                mark, snapshot_size, offset,
//                                                          chunk_length, chunk
//   kSnapshotReply   yes: send the part at `offset`        mark, offset
//                    no: the snapshot is damaged           mark, reject
//   kReadIndex       which index must this read wait for?  read
//   kReadIndexReply  yes: `index`                          read, index
//                    no: I am not the leader any more      read, reject
//   kTimeoutNow      I hand over: begin an election now    round: the leader's newest
//   kCommit          as kHeartbeat's `commit`; no answer   commit
//
// A replica that is asked in an older term answers kAppend, kHeartbeat and kSnapshotChunk with a
// kHeartbeatReply of its own term and round 0, so that the sender learns the term.
//
// Raft thesis: votes 3.4 and 9.6, appends 3.5, snapshots 5.3, read index 6.4, hand-over 3.10.
//
// Sent: DO NOT CHANGE the numbers.
enum class MessageType : std::uint8_t {
  kPreVote = 1,
  kPreVoteReply = 2,
  kVote = 3,
  kVoteReply = 4,
  kAppend = 5,
  kAppendReply = 6,
  kHeartbeat = 7,
  kHeartbeatReply = 8,
  kSnapshotChunk = 9,
  kSnapshotReply = 10,
  kReadIndex = 11,
  kReadIndexReply = 12,
  kTimeoutNow = 13,
  kCommit = 14,
};
inline constexpr std::uint8_t kMessageTypeLast = 14;

struct Message {
  MessageType type = MessageType::kHeartbeat;
  ReplicaId from;
  ReplicaId to;
  // The sender's own term. kPreVote, and the reply that says yes: the term that is asked about.
  Term term;

  LogIndex index;  // which one depends on the type: see the table
  Term log_term;   // of the entry at `index`
  LogIndex commit;
  bool reject = false;
  // kVote: the leader of the term before told the candidate to begin (kTimeoutNow). The voter may
  // then break its lease promise to that leader, but only if the promise was given for `round` or
  // an earlier round. A promise for a later round shows that the leader had given the hand-over up.
  bool transfer = false;
  // The number of a heartbeat (read_rounds.hh). kVote with `transfer`: the round of the
  // kTimeoutNow.
  std::uint64_t round = 0;
  // kHeartbeat: for how long the receiver is asked to help elect nobody else (lease.hh).
  Duration lease_promise{};
  ReadId read;                 // kReadIndex and its reply
  std::vector<Entry> entries;  // kAppend: consecutive, from `index` + 1 on

  // kSnapshotChunk and its reply. The chunk's bytes come last on the wire: the driver appends them.
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

// For transcripts and traces: one line with every field that the type uses.
std::string describe(const Message& message);
const char* to_string(MessageType type);

}  // namespace polis::raft
