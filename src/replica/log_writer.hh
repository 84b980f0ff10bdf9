#pragma once

// Makes durable what the replicated log wants to persist, and lets nothing leave that depends on it
// before it is.
//
// The order within one output is perform.hh's; here is what the order is about: a write goes to the
// write-ahead log under a ticket; messages that wait for it are held under that ticket; when its
// sync has ended, they leave, and the replicated log is told.
//
// Threads: the loop's.
// Life: construct from a log that was recovered -> write, send_when_durable, sync -> destroy.

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "io/loop.hh"
#include "replica/counters.hh"
#include "replica/situation.hh"
#include "replica/sync_times.hh"
#include "replica/transport.hh"
#include "storage/wal.hh"

namespace polis::replica {

class LogWriter {
 public:
  struct Needs {
    const Situation& situation;
    const io::Loop& loop;
    Transport& transport;           // for flush()
    consensus::ReplicatedLog& log;  // for on_persisted()
    std::function<void(consensus::Outgoing&)> send;
    Fatal fatal;
    Counters& counters;
  };
  LogWriter(std::unique_ptr<storage::Wal> wal, Needs needs);

  // Hands what is to be persisted to the system; it is not durable yet. Precondition: the output
  // has a ticket. False: it cannot be written, and Needs::fatal was called.
  bool write(const consensus::Output& output);
  // Sends them when everything that was written so far is durable: now, if it is.
  void send_when_durable(std::vector<consensus::Outgoing> messages);
  // Begins to make durable what was written; what was sent so far leaves before.
  void sync(Ticket ticket);
  // Tells the replicated log what became durable while it stood still for a snapshot.
  void tell_what_was_persisted();

  // For a log that has come to rest: says on disk how far it was durable. Call every few
  // milliseconds.
  void maybe_seal(LogIndex applied);
  // Nothing has been written for a while.
  bool at_rest() const;
  // As storage::Wal has them.
  [[nodiscard]] Result<void> reset(LogIndex index, Term term) { return wal_->reset(index, term); }
  [[nodiscard]] Result<void> release_through(LogIndex index) {
    return wal_->release_through(index);
  }
  const storage::Wal& wal() const { return *wal_; }

  const SyncTimes& sync_times() const { return sync_times_; }
  // When the oldest sync was asked for that has not ended.
  std::optional<Instant> sync_waits_since() const;

 private:
  struct Held {
    Ticket ticket;
    Instant since;
    std::vector<consensus::Outgoing> messages;
  };
  void on_synced(Ticket ticket, const Result<void>& result);

  std::unique_ptr<storage::Wal> wal_;
  Needs needs_;
  // Tickets under way to the disk, oldest first, with the messages that wait for them.
  std::deque<Held> held_;
  std::optional<Ticket> persisted_meanwhile_;  // the newest that the log was not told of
  Instant written_last_{};
  SyncTimes sync_times_;
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>();  // shared with callbacks that may come too late
};

}  // namespace polis::replica
