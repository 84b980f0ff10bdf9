#pragma once

// Puts a protocol behind the contract of replicated_log.hh. The protocol (Raft, Paxos) works with
// messages as structs, so that tests can look into them; EncodedLog turns them into bytes and back,
// and does nothing else.
//
// Threads, life, time: as replicated_log.hh says.

#include <fmt/format.h>

#include "consensus/replicated_log.hh"

namespace polis::consensus {

// Protocol: a class with the functions of ReplicatedLog, whose step() takes a Protocol::Message and
// whose outputs are OutputOf<Message>.
template <class Protocol>
class EncodedLog final : public ReplicatedLog {
 public:
  // Precondition: options.validate() has no error.
  template <class Options>
  EncodedLog(Options options, Restored restored, Instant now)
      : protocol_(std::move(options), std::move(restored), now) {}

  Result<void> step(ReplicaId from, std::string_view bytes, Instant now) override {
    auto message = Protocol::Message::decode(bytes);
    if (!message) return std::unexpected(message.error());
    if (message->from != from) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("a message from replica {} came over the connection of replica {}",
                              message->from.value, from.value));
    }
    protocol_.step(std::move(*message), now);
    return {};
  }
  void tick(Instant now) override { protocol_.tick(now); }
  Instant next_deadline() const override { return protocol_.next_deadline(); }
  Result<LogIndex> propose(SharedBytes command, Instant now) override {
    return protocol_.propose(std::move(command), now);
  }
  void read(ReadId id, Instant now) override { protocol_.read(id, now); }
  Result<void> transfer(ReplicaId target, Instant now) override {
    return protocol_.transfer(target, now);
  }
  Result<LogIndex> change(Configuration target, Instant now) override {
    return protocol_.change(std::move(target), now);
  }
  void on_peer_lost(ReplicaId peer, Instant now) override { protocol_.on_peer_lost(peer, now); }
  void on_persisted(Ticket ticket, Instant now) override { protocol_.on_persisted(ticket, now); }
  void compact(LogIndex index) override { protocol_.compact(index); }
  void on_snapshot_available(const SnapshotMark& mark, std::uint64_t size, Instant now) override {
    protocol_.on_snapshot_available(mark, size, now);
  }
  void on_chunk_written(ReplicaId from, const SnapshotMark& mark, std::uint64_t offset,
                        Instant now) override {
    protocol_.on_chunk_written(from, mark, offset, now);
  }
  void on_snapshot_damaged(ReplicaId from, const SnapshotMark& mark, Instant now) override {
    protocol_.on_snapshot_damaged(from, mark, now);
  }
  bool wants_snapshot(const SnapshotMark& mark) const override {
    return protocol_.wants_snapshot(mark);
  }
  void on_snapshot_installed(ReplicaId from, const SnapshotMark& mark, Instant now) override {
    protocol_.on_snapshot_installed(from, mark, now);
  }
  Output take_output() override {
    auto from = protocol_.take_output();
    return {.role = from.role,
            .configuration = std::move(from.configuration),
            .ticket = from.ticket,
            .hard_state = from.hard_state,
            .entries = std::move(from.entries),
            .messages = encode_all(from.messages),
            .messages_after_persist = encode_all(from.messages_after_persist),
            .committed = std::move(from.committed),
            .reads = std::move(from.reads),
            .reads_refused = std::move(from.reads_refused),
            .snapshot_damaged = from.snapshot_damaged,
            .snapshot_wanted = from.snapshot_wanted,
            .chunks = std::move(from.chunks)};
  }
  Status status() const override { return protocol_.status(); }

  // For invariant checkers.
  const Protocol& protocol() const { return protocol_; }

 private:
  static std::vector<Outgoing> encode_all(const std::vector<typename Protocol::Message>& messages) {
    std::vector<Outgoing> out;
    out.reserve(messages.size());
    for (const auto& message : messages)
      out.push_back({message.to, encode(message), message.chunk_reference()});
    return out;
  }

  Protocol protocol_;
};

}  // namespace polis::consensus
