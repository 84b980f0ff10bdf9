#pragma once

// A replicated log for tests of a part of a replica. It decides nothing: it answers as the test
// says, and remembers what it was asked.
//
// Threads: one.

#include <deque>
#include <vector>

#include "consensus/replicated_log.hh"

namespace polis::replica::testing {

class ScriptedLog final : public consensus::ReplicatedLog {
 public:
  Result<void> step(consensus::ReplicaId, std::string_view, Instant) override { return {}; }
  void tick(Instant) override {}
  Instant next_deadline() const override { return {}; }
  Result<consensus::LogIndex> propose(SharedBytes command, Instant) override {
    if (refuses) return fail(ErrorCode::kUnavailable, "not master");
    proposed.push_back(*command);
    return consensus::LogIndex(proposed.size());
  }
  void read(consensus::ReadId id, Instant) override { reads.push_back(id); }
  Result<void> transfer(consensus::ReplicaId target, Instant) override {
    if (refusal) return std::unexpected(*refusal);
    transfers.push_back(target);
    return {};
  }
  Result<consensus::LogIndex> change(consensus::Configuration target, Instant) override {
    ++changes_asked;
    if (refusal) return std::unexpected(*refusal);
    changes.push_back(std::move(target));
    return now.last.next();
  }
  void on_peer_lost(consensus::ReplicaId, Instant) override {}
  void on_persisted(consensus::Ticket ticket, Instant) override { persisted.push_back(ticket); }
  void compact(consensus::LogIndex) override {}
  void on_snapshot_available(const consensus::SnapshotMark& mark, std::uint64_t size,
                             Instant) override {
    available.push_back({mark, size});
  }
  void on_chunk_written(consensus::ReplicaId, const consensus::SnapshotMark&, std::uint64_t offset,
                        Instant) override {
    written.push_back(offset);
  }
  void on_snapshot_damaged(consensus::ReplicaId, const consensus::SnapshotMark&, Instant) override {
    ++damaged;
  }
  bool wants_snapshot(const consensus::SnapshotMark&) const override { return wants; }
  void on_snapshot_installed(consensus::ReplicaId, const consensus::SnapshotMark&,
                             Instant) override {}
  consensus::Output take_output() override { return {}; }
  consensus::Status status() const override { return now; }

  // What it answers; a test sets these.
  consensus::Status now;
  bool refuses = false;          // proposals
  std::optional<Error> refusal;  // of hand-overs and changes
  bool wants = true;             // a snapshot that has arrived

  // What it was asked.
  std::vector<std::string> proposed;
  std::vector<consensus::ReadId> reads;
  std::vector<consensus::ReplicaId> transfers;
  int changes_asked = 0;
  std::vector<consensus::Configuration> changes;  // those that were taken
  std::vector<consensus::Ticket> persisted;
  struct Available {
    consensus::SnapshotMark mark;
    std::uint64_t size;
  };
  std::vector<Available> available;
  std::vector<std::uint64_t> written;
  int damaged = 0;
};

}  // namespace polis::replica::testing
