#pragma once

// What Raft replicas say to each other. The wire form is described in
// docs/formats/raft-messages.md.

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

// What each type means and which fields it uses besides from, to and term. Fields that a type does
// not use are zero. "ok" and "no" are replies without and with `reject`.
//
//   type             meaning                              fields
//   kPreVote         would you vote for me in `term`?     index, log_term: last entry of the log
//   kPreVoteReply    ok: `term` is the one asked about    reject
//                    no: `term` is the voter's own
//   kVote            RequestVote                          index, log_term: last entry of the log;
//                                                         transfer, round: of a hand-over
//   kVoteReply       the vote, or not                     reject
//   kAppend          AppendEntries                        index, log_term: before `entries`;
//                                                         commit: what may be committed
//   kAppendReply     ok: the log matches through `index`  index
//                    no: go on from here                  reject; index, log_term: the hint;
//                                                         commit: `index` of the refused append
//   kHeartbeat       I lead; do you still follow?         commit, round, promise
//   kHeartbeatReply  I do                                 round: the heartbeat's
//   kSnapshotChunk   InstallSnapshot, one bounded part    mark, snapshot_size, offset, chunk
//   kSnapshotReply   ok: what is wanted next              mark; offset: of the next part
//                    no: the file is damaged              mark, reject
//   kReadIndex       which index must a read wait for?    read
//   kReadIndexReply  ok: `index`                          read, index
//                    no: I cannot say                     read, reject
//   kTimeoutNow      I hand over: stand for election      round: the leader's newest
//   kCommit          more may be committed; no answer     commit
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
  Term term;  // the sender's own; of a kPreVote and its granting reply: the one that is asked about

  // A place in the log; which one depends on the type, see the table.
  LogIndex index;
  Term log_term;  // of the entry at `index`
  LogIndex commit;
  bool reject = false;
  // kVote: the leader of the term before asked the candidate to stand (kTimeoutNow). A voter then
  // disregards its lease promise to that leader, but only if that promise was made for `round` or
  // an earlier one: a later promise shows that the leader had given the hand-over up.
  bool transfer = false;
  // The number of a heartbeat (read_rounds.hh); of which one, see the table. kVote with `transfer`:
  // the round of the kTimeoutNow.
  std::uint64_t round = 0;
  Duration
      promise{};  // kHeartbeat: for how long the receiver is asked to elect nobody else (lease.hh)
  ReadId read;    // kReadIndex and its reply
  std::vector<Entry> entries;  // kAppend: consecutive, from `index` + 1 on

  // kSnapshotChunk and its reply. The chunk's bytes come last, so that the driver can append them.
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

// For transcripts and traces: one line, every field that its type uses.
std::string describe(const Message& message);
const char* to_string(MessageType type);

}  // namespace polis::raft
