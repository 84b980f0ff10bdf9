#pragma once

// Raft behind the contract of consensus/replicated_log.hh: adds the bytes of the messages and
// nothing else.

#include "consensus/raft/raft.hh"

namespace polis::raft {

class RaftLog final : public consensus::ReplicatedLog {
 public:
  // Precondition: options.validate().
  RaftLog(Options options, consensus::Restored restored, Instant now)
      : raft_(std::move(options), std::move(restored), now) {}

  Result<void> step(ReplicaId from, std::string_view message, Instant now) override;
  void tick(Instant now) override { raft_.tick(now); }
  Instant next_deadline() const override { return raft_.next_deadline(); }
  Result<LogIndex> propose(SharedBytes command, Instant now) override {
    return raft_.propose(std::move(command), now);
  }
  void read(ReadId id, Instant now) override { raft_.read(id, now); }
  Result<void> transfer(ReplicaId target, Instant now) override {
    return raft_.transfer(target, now);
  }
  Result<LogIndex> change(consensus::Configuration target, Instant now) override {
    return raft_.change(std::move(target), now);
  }
  void on_peer_lost(ReplicaId peer, Instant now) override { raft_.on_peer_lost(peer, now); }
  void on_persisted(Ticket ticket, Instant now) override { raft_.on_persisted(ticket, now); }
  void compact(LogIndex index) override { raft_.compact(index); }
  void on_snapshot_available(const SnapshotMark& mark, std::uint64_t size, Instant now) override {
    raft_.on_snapshot_available(mark, size, now);
  }
  void on_chunk_written(ReplicaId from, const SnapshotMark& mark, std::uint64_t offset,
                        Instant now) override {
    raft_.on_chunk_written(from, mark, offset, now);
  }
  void on_snapshot_damaged(ReplicaId from, const SnapshotMark& mark, Instant now) override {
    raft_.on_snapshot_damaged(from, mark, now);
  }
  bool wants_snapshot(const SnapshotMark& mark) const override {
    return raft_.wants_snapshot(mark);
  }
  void on_snapshot_installed(ReplicaId from, const SnapshotMark& mark, Instant now) override {
    raft_.on_snapshot_installed(from, mark, now);
  }
  consensus::Output take_output() override;
  consensus::Status status() const override { return raft_.status(); }

  // For invariant checkers.
  const Raft& raft() const { return raft_; }

 private:
  Raft raft_;
};

}  // namespace polis::raft
