#pragma once

// Makes durable what the replicated log wants to persist, and holds back the messages that must not
// leave before it is durable.
//
// perform.hh calls write, send_when_durable and sync in this order for each output. A write goes to
// the write-ahead log under the output's ticket. Messages that depend on it are held under that
// ticket. When the sync of the ticket has ended, the messages are sent and the replicated log is
// told.
//
// Threads: the loop's.
// Life: construct from a write-ahead log that was recovered -> write, send_when_durable, sync for
// each output -> destroy, which drops the messages that are held.
// Errors: a failed write or sync calls Needs::fatal.

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
  // All of these must outlive this object.
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

  // Writes the output's hard state and entries to the write-ahead log; they are not durable yet.
  // Precondition: the output has a ticket. False: the write failed, and Needs::fatal was called.
  bool write(const consensus::Output& output);
  // Sends the messages when everything that was written so far is durable; within this call if it
  // already is.
  void send_when_durable(std::vector<consensus::Outgoing> messages);
  // Flushes the transport, then begins to sync what was written under `ticket` and earlier ones.
  void sync(Ticket ticket);
  // While a snapshot was being installed, the replicated log was not told what became durable.
  // Tells it now.
  void tell_what_was_persisted();

  // If the log is at rest, writes to disk how far it was durable (Wal::seal). Call it about every
  // 20 ms. `applied`: the last entry that was applied.
  void maybe_seal(LogIndex applied);
  // Nothing has been written for 250 ms.
  bool at_rest() const;
  // These are the functions of storage::Wal.
  [[nodiscard]] Result<void> reset(LogIndex index, Term term) { return wal_->reset(index, term); }
  [[nodiscard]] Result<void> release_through(LogIndex index) {
    return wal_->release_through(index);
  }
  const storage::Wal& wal() const { return *wal_; }

  const SyncTimes& sync_times() const { return sync_times_; }
  // When the oldest write that is not durable yet was made. nullopt: everything is durable.
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
  std::optional<Ticket> persisted_meanwhile_;  // the newest ticket that the log was not told of
  Instant written_last_{};
  SyncTimes sync_times_;
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>();  // shared with callbacks that may come too late
};

}  // namespace polis::replica
