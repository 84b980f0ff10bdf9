#pragma once

// What a replica is made of at its start: its state from the engine, its log from the disk, and the
// protocol that goes on where they end.

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

// kCorrupt: state or log are damaged, do not belong together, or one is lost. kInvalid: they belong
// to another cell, replica or protocol, or a newer release wrote them; or the options contradict
// themselves. Completes the consensus part of the options by id and seed.
Result<Recovered> recover(Options& options, io::Disk& disk, storage::Engine& engine, Instant now);

// kInvalid: the cell is at a version that this replica does not know.
Result<void> check_cell_version(const Options& options, const store::Store& store);

// Writes into the state whose it is and how far the log is durable: nothing that this replica
// acknowledged or promised lies behind that, but for what it wrote in the last moments. Term, vote
// and promises are records of the log as entries are.
void note_saved_by(store::Store& store, const Options& options, const storage::Wal& wal);

}  // namespace polis::replica
