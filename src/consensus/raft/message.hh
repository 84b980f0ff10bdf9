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

// Sent: DO NOT CHANGE the numbers.
enum class MessageType : std::uint8_t {
  kPreVote = 1,       // "would you vote for me in `term`?" (Raft thesis 9.6)
  kPreVoteReply = 2,  // granted: `term` is the one asked about; rejected: the voter's own
  kVote = 3,          // RequestVote (Raft thesis 3.4)
  kVoteReply = 4,
  kAppend = 5,       // AppendEntries (Raft thesis 3.5)
  kAppendReply = 6,  // accepted: `index` is the match; rejected: `index`, `log_term` are the hint
  kHeartbeat = 7,    // carries `round`, which the reply gives back, and `promise`
  kHeartbeatReply = 8,
  kSnapshotChunk = 9,   // InstallSnapshot (Raft thesis 5.3), one bounded part
  kSnapshotReply = 10,  // `offset`: what the receiver wants next; offset == size: installed
  kReadIndex = 11,      // a follower asks for a read index (Raft thesis 6.4)
  kReadIndexReply = 12,
  kTimeoutNow = 13,  // leadership transfer (Raft thesis 3.10)
  kCommit = 14,      // what may be committed, between appends; not answered
};
inline constexpr std::uint8_t kMessageTypeLast = 14;

struct Message {
  MessageType type = MessageType::kHeartbeat;
  ReplicaId from;
  ReplicaId to;
  Term term;  // the sender's, but for pre-votes, which ask about the next one

  LogIndex index;   // kAppend: the entry before `entries`; kVote: last of the log; replies: see
                    // MessageType
  Term log_term;    // the term of the entry at `index`
  LogIndex commit;  // kAppend, kHeartbeat: what the receiver may commit; kAppendReply that rejects:
                    // `index` of the append that is refused
  bool reject = false;
  bool transfer =
      false;  // kVote: asked for by the leader itself, so promises to it do not stand against it
  // kHeartbeat and reply: confirms leadership through this round. kTimeoutNow, and kVote that came
  // of it: the leader's newest round when it handed over.
  std::uint64_t round = 0;
  Duration promise{};  // kHeartbeat: how long the receiver is to elect nobody else (lease.hh)
  ReadId read;         // kReadIndex and reply
  std::vector<Entry> entries;

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
