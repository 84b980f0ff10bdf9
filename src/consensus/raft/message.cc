#include "consensus/raft/message.hh"

#include <fmt/format.h>

#include "base/check.hh"

namespace polis::raft {
namespace {

// A message never carries more entries than this, however small they are.
constexpr std::uint64_t kEntriesMax = 1 << 20;

// A replica bound for longer would be of no use.
constexpr Duration kLeasePromiseMax = std::chrono::minutes(10);

enum Flag : std::uint8_t { kReject = 1, kTransfer = 2 };

}  // namespace

std::string encode(const Message& message) {
  std::string bytes;
  std::size_t payload = 64;
  for (const Entry& entry : message.entries) payload += entry.size() + 32;
  bytes.reserve(payload);
  Writer out(bytes);
  out.u8(static_cast<std::uint8_t>(message.type));
  out.u8((message.reject ? kReject : 0) | (message.transfer ? kTransfer : 0));
  out.varint(message.from.value);
  out.varint(message.to.value);
  out.varint(message.term.value);
  out.varint(message.index.value);
  out.varint(message.log_term.value);
  out.varint(message.commit.value);
  out.varint(message.round);
  out.varint(message.read.value);
  out.varint(message.entries.size());
  for (const Entry& entry : message.entries) consensus::encode(out, entry);
  if (message.type == MessageType::kHeartbeat)
    out.varint(static_cast<std::uint64_t>(message.lease_promise.count()));
  if (message.type == MessageType::kSnapshotChunk || message.type == MessageType::kSnapshotReply) {
    consensus::encode(out, message.mark);
    out.varint(message.snapshot_size);
    out.varint(message.offset);
    out.varint(message.chunk_length);
  }
  return bytes;
}

std::optional<consensus::ChunkReference> Message::chunk_reference() const {
  if (type != MessageType::kSnapshotChunk) return std::nullopt;
  return consensus::ChunkReference{mark.index, offset, chunk_length};
}

Result<Message> Message::decode(std::string_view bytes) {
  Reader in(bytes);
  Message message;
  std::uint8_t type = in.u8();
  std::uint8_t flags = in.u8();
  if (type < 1 || type > kMessageTypeLast) {
    return fail(ErrorCode::kInvalid, fmt::format("raft message of unknown type {}", type));
  }
  message.type = static_cast<MessageType>(type);
  message.reject = flags & kReject;
  message.transfer = flags & kTransfer;
  message.from = ReplicaId(in.varint());
  message.to = ReplicaId(in.varint());
  message.term = Term(in.varint());
  message.index = LogIndex(in.varint());
  message.log_term = Term(in.varint());
  message.commit = LogIndex(in.varint());
  message.round = in.varint();
  message.read = ReadId(in.varint());
  std::uint64_t count = in.varint();
  if (!in.ok() || count > kEntriesMax || count > in.remaining()) {
    return fail(ErrorCode::kInvalid, "raft message is cut short or announces too many entries");
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    Entry entry;
    if (!consensus::decode(in, entry))
      return fail(ErrorCode::kInvalid, "raft message with a broken entry");
    if (entry.index != message.index + 1 + i) {
      return fail(ErrorCode::kInvalid, "raft message whose entries are not consecutive");
    }
    if (!makes_sense(entry))
      return fail(ErrorCode::kInvalid, "raft message with a broken configuration");
    message.entries.push_back(std::move(entry));
  }
  if (message.type == MessageType::kHeartbeat) {
    message.lease_promise = Duration(static_cast<std::int64_t>(in.varint()));
    if (message.lease_promise < Duration::zero() || message.lease_promise > kLeasePromiseMax)
      return fail(ErrorCode::kInvalid, "raft message that asks for too long a lease promise");
  }
  if (message.type == MessageType::kSnapshotChunk || message.type == MessageType::kSnapshotReply) {
    if (!consensus::decode(in, message.mark)) {
      return fail(ErrorCode::kInvalid, "raft message with a broken snapshot mark");
    }
    message.snapshot_size = in.varint();
    message.offset = in.varint();
    message.chunk_length = static_cast<std::uint32_t>(in.varint());
    message.chunk = std::string(
        in.take(message.type == MessageType::kSnapshotChunk ? message.chunk_length : 0));
  }
  if (!in.done()) return fail(ErrorCode::kInvalid, "raft message with a wrong length");
  return message;
}

const char* to_string(MessageType type) {
  switch (type) {
    case MessageType::kPreVote:
      return "pre-vote";
    case MessageType::kPreVoteReply:
      return "pre-vote-reply";
    case MessageType::kVote:
      return "vote";
    case MessageType::kVoteReply:
      return "vote-reply";
    case MessageType::kAppend:
      return "append";
    case MessageType::kAppendReply:
      return "append-reply";
    case MessageType::kHeartbeat:
      return "heartbeat";
    case MessageType::kHeartbeatReply:
      return "heartbeat-reply";
    case MessageType::kSnapshotChunk:
      return "snapshot-chunk";
    case MessageType::kSnapshotReply:
      return "snapshot-reply";
    case MessageType::kReadIndex:
      return "read-index";
    case MessageType::kReadIndexReply:
      return "read-index-reply";
    case MessageType::kTimeoutNow:
      return "timeout-now";
    case MessageType::kCommit:
      return "commit";
  }
  return "?";
}

std::string describe(const Message& m) {
  std::string text =
      fmt::format("{}->{} {} term={}", m.from.value, m.to.value, to_string(m.type), m.term.value);
  switch (m.type) {
    case MessageType::kPreVote:
    case MessageType::kVote:
    case MessageType::kAppend:
      text += fmt::format(" at={}/{}", m.index.value, m.log_term.value);
      break;
    case MessageType::kAppendReply:
    case MessageType::kReadIndexReply:
      text += fmt::format(" index={}", m.index.value);
      break;
    case MessageType::kSnapshotChunk:
    case MessageType::kSnapshotReply:
      text += fmt::format(" mark={}/{} offset={} length={} size={}", m.mark.index.value,
                          m.mark.term.value, m.offset, m.chunk_length, m.snapshot_size);
      break;
    default:
      break;
  }
  if (m.type == MessageType::kAppend || m.type == MessageType::kHeartbeat ||
      m.type == MessageType::kCommit) {
    text += fmt::format(" commit={}", m.commit.value);
  }
  if (m.round != 0) text += fmt::format(" round={}", m.round);
  for (const Entry& e : m.entries) text += fmt::format(" [{}/{}]", e.index.value, e.term.value);
  if (m.reject) text += " REJECT";
  return text;
}

}  // namespace polis::raft
