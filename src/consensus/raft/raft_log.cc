#include "consensus/raft/raft_log.hh"

#include <fmt/format.h>

namespace polis::raft {
namespace {

std::vector<consensus::Outgoing> encode_all(std::vector<Message>& messages) {
  std::vector<consensus::Outgoing> out;
  out.reserve(messages.size());
  for (Message& message : messages) {
    consensus::Outgoing outgoing{message.to, encode(message), std::nullopt};
    if (message.type == MessageType::kSnapshotChunk) {
      outgoing.chunk = {message.mark.index, message.offset, message.chunk_length};
    }
    out.push_back(std::move(outgoing));
  }
  return out;
}

}  // namespace

Result<void> RaftLog::step(ReplicaId from, std::string_view bytes, Instant now) {
  Result<Message> message = decode(bytes);
  if (!message) return std::unexpected(message.error());
  if (message->from != from) {
    return fail(ErrorCode::kInvalid,
                fmt::format("raft message from replica {} came over the connection of replica {}",
                            message->from.value, from.value));
  }
  raft_.step(std::move(*message), now);
  return {};
}

consensus::Output RaftLog::take_output() {
  Output from = raft_.take_output();
  consensus::Output out;
  out.ticket = from.ticket;
  out.hard_state = from.hard_state;
  out.entries = std::move(from.entries);
  out.messages = encode_all(from.messages);
  out.messages_after_persist = encode_all(from.messages_after_persist);
  out.committed = std::move(from.committed);
  out.reads = std::move(from.reads);
  out.reads_refused = std::move(from.reads_refused);
  out.snapshot_wanted = from.snapshot_wanted;
  out.snapshot_damaged = from.snapshot_damaged;
  out.chunks = std::move(from.chunks);
  out.role = from.role;
  out.configuration = std::move(from.configuration);
  return out;
}

}  // namespace polis::raft
