#pragma once

// The start of a replica: reads its state from the engine and its log from the disk, and makes the
// protocol object that goes on where they end.
//
// Threads: the loop's; recover() takes as long as reading the log and building the index.

#include <memory>

#include "consensus/replicated_log.hh"
#include "io/disk.hh"
#include "replica/options.hh"
#include "storage/engine.hh"
#include "storage/wal.hh"
#include "store/store.hh"

namespace polis::replica {

struct Recovered {
  std::unique_ptr<store::Store> store;
  std::unique_ptr<storage::Wal> wal;
  std::unique_ptr<consensus::ReplicatedLog> log;
};

// Recovers a replica; with an empty disk, makes a new one. Sets options.consensus.id and .seed.
// kCorrupt: the state or the log is damaged or lost, or the two do not belong together. kInvalid:
// they belong to another cell, replica or protocol; a newer release wrote them; or the options
// contradict each other. Other errors: as Wal::open and Store::open.
Result<Recovered> recover(Options& options, io::Disk& disk, storage::Engine& engine, Instant now);

// kInvalid: the cell is at a version that this replica does not know.
Result<void> check_cell_version(const Options& options, const store::Store& store);

// Notes in the state (store::SavedBy) which replica it belongs to, and how far this replica's log
// is durable now. At the next start, a log that ends earlier is refused, because it has lost
// entries or promises that this replica had acknowledged. What is written after the last note is
// not protected.
void note_saved_by(store::Store& store, const Options& options, const storage::Wal& wal);

}  // namespace polis::replica
