#include "consensus/paxos/message.hh"

#include <fmt/format.h>

namespace polis::paxos {
namespace {

// A message never carries more entries than this, however small they are.
constexpr std::uint64_t kEntriesMax = 1 << 20;

// A replica bound for longer would be of no use.
constexpr Duration kLeasePromiseMax = std::chrono::minutes(10);

enum Flag : std::uint8_t { kFlagReject = 1, kFlagMore = 2 };

bool has_snapshot(MessageType type) {
  return type == MessageType::kSnapshotChunk || type == MessageType::kSnapshotAsk;
}

std::unexpected<Error> invalid(const char* what) {
  return fail(ErrorCode::kInvalid, fmt::format("paxos message {}", what));
}

void encode(Writer& out, const Ballot& ballot) {
  out.varint(ballot.term.value);
  out.varint(ballot.replica.value);
}

// On the wire, one number has another meaning in polls.
std::uint64_t number_of(const Message& message) {
  if (message.type == MessageType::kPoll) return message.polls_in_vain;
  return message.type == MessageType::kPollReply ? message.promised_term.value : message.round;
}

void set_number(Message& message, std::uint64_t number) {
  if (message.type == MessageType::kPoll) {
    message.polls_in_vain = number;
  } else if (message.type == MessageType::kPollReply) {
    message.promised_term = Term(number);
  } else {
    message.round = number;
  }
}

Ballot decode_ballot(Reader& in) {
  Term term(in.varint());
  return {term, ReplicaId(in.varint())};
}

}  // namespace

std::optional<consensus::ChunkReference> Message::chunk_reference() const {
  if (type != MessageType::kSnapshotChunk) return std::nullopt;
  return consensus::ChunkReference{mark.index, offset, chunk_length};
}

std::string encode(const Message& message) {
  std::string bytes;
  std::size_t payload = 64;
  for (const Entry& entry : message.entries) payload += entry.size() + 32;
  bytes.reserve(payload);
  Writer out(bytes);
  out.u8(static_cast<std::uint8_t>(message.type));
  out.u8((message.reject ? kFlagReject : 0) | (message.more ? kFlagMore : 0));
  out.varint(message.from.value);
  out.varint(message.to.value);
  encode(out, message.ballot);
  out.varint(message.slot.value);
  out.varint(message.through.value);
  out.varint(message.commit.value);
  out.varint(number_of(message));
  out.varint(message.read.value);
  out.varint(message.entries.size());
  for (const Entry& entry : message.entries) {
    consensus::encode(out, entry);
    out.varint(entry.proposer.value);
  }
  if (message.type == MessageType::kPrepare) encode(out, message.predecessor);
  if (message.type == MessageType::kHeartbeat)
    out.varint(static_cast<std::uint64_t>(message.lease_promise.count()));
  if (has_snapshot(message.type)) {
    consensus::encode(out, message.mark);
    out.varint(message.snapshot_size);
    out.varint(message.offset);
    out.varint(message.chunk_length);
  }
  return bytes;
}

Result<Message> Message::decode(std::string_view bytes) {
  Reader in(bytes);
  Message message;
  std::uint8_t type = in.u8();
  std::uint8_t flags = in.u8();
  if (type < 1 || type > kMessageTypeLast) return invalid("of unknown type");
  message.type = static_cast<MessageType>(type);
  message.reject = flags & kFlagReject;
  message.more = flags & kFlagMore;
  message.from = ReplicaId(in.varint());
  message.to = ReplicaId(in.varint());
  message.ballot = decode_ballot(in);
  message.slot = LogIndex(in.varint());
  message.through = LogIndex(in.varint());
  message.commit = LogIndex(in.varint());
  set_number(message, in.varint());
  message.read = ReadId(in.varint());
  std::uint64_t count = in.varint();
  if (!in.ok() || count > kEntriesMax || count > in.remaining())
    return invalid("is cut short or announces too many entries");
  const bool gapless = message.type == MessageType::kAccept || message.type == MessageType::kChosen;
  LogIndex next = message.slot;
  for (std::uint64_t i = 0; i < count; ++i) {
    Entry entry;
    if (!consensus::decode(in, entry)) return invalid("with a broken entry");
    entry.proposer = ReplicaId(in.varint());
    if (gapless ? entry.index != next : entry.index < next)
      return invalid("with a misplaced entry");
    next = entry.index.next();
    if (!makes_sense(entry)) return invalid("with a broken configuration");
    message.entries.push_back(std::move(entry));
  }
  if (message.type == MessageType::kPrepare) message.predecessor = decode_ballot(in);
  if (message.type == MessageType::kHeartbeat) {
    message.lease_promise = Duration(static_cast<std::int64_t>(in.varint()));
    if (message.lease_promise < Duration::zero() || message.lease_promise > kLeasePromiseMax)
      return invalid("that asks for too long a lease promise");
  }
  if (has_snapshot(message.type)) {
    if (!consensus::decode(in, message.mark)) return invalid("with a broken snapshot mark");
    message.snapshot_size = in.varint();
    message.offset = in.varint();
    message.chunk_length = static_cast<std::uint32_t>(in.varint());
    message.chunk = std::string(
        in.take(message.type == MessageType::kSnapshotChunk ? message.chunk_length : 0));
  }
  if (!in.done()) return invalid("with a wrong length");
  return message;
}

const char* to_string(MessageType type) {
  switch (type) {
    case MessageType::kPoll:
      return "poll";
    case MessageType::kPollReply:
      return "poll-reply";
    case MessageType::kPrepare:
      return "prepare";
    case MessageType::kPromise:
      return "promise";
    case MessageType::kAccept:
      return "accept";
    case MessageType::kAccepted:
      return "accepted";
    case MessageType::kHeartbeat:
      return "heartbeat";
    case MessageType::kHeartbeatReply:
      return "heartbeat-reply";
    case MessageType::kCommit:
      return "commit";
    case MessageType::kReject:
      return "reject";
    case MessageType::kLearn:
      return "learn";
    case MessageType::kChosen:
      return "chosen";
    case MessageType::kSnapshotAsk:
      return "snapshot-ask";
    case MessageType::kSnapshotChunk:
      return "snapshot-chunk";
    case MessageType::kReadIndex:
      return "read-index";
    case MessageType::kReadIndexReply:
      return "read-index-reply";
    case MessageType::kStand:
      return "stand";
  }
  return "?";
}

std::string describe(const Message& m) {
  std::string text = fmt::format("{}->{} {} ballot={}.{}", m.from.value, m.to.value,
                                 to_string(m.type), m.ballot.term.value, m.ballot.replica.value);
  if (m.slot != LogIndex()) text += fmt::format(" slot={}", m.slot.value);
  if (m.through != LogIndex()) text += fmt::format(" through={}", m.through.value);
  if (m.commit != LogIndex()) text += fmt::format(" commit={}", m.commit.value);
  if (has_snapshot(m.type)) {
    text += fmt::format(" mark={} offset={} length={} size={}", m.mark.index.value, m.offset,
                        m.chunk_length, m.snapshot_size);
  }
  if (m.round != 0) text += fmt::format(" round={}", m.round);
  if (m.polls_in_vain != 0) text += fmt::format(" polls-in-vain={}", m.polls_in_vain);
  if (m.promised_term != Term()) text += fmt::format(" promised-term={}", m.promised_term.value);
  for (const Entry& e : m.entries)
    text += fmt::format(" [{}/{}.{}]", e.index.value, e.term.value, e.proposer.value);
  if (m.more) text += " more";
  if (m.reject) text += " REJECT";
  return text;
}

}  // namespace polis::paxos
