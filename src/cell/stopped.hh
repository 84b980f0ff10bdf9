#pragma once

// The state on the disk of a replica that does not run. Used to save it when no replica answers any
// more, and to continue from one replica alone when the quorum is lost for good.
//
// Threads: one; the functions block, and are for commands. Life: open() -> look, save() -> destroy,
// which unlocks the directory.

#include <memory>
#include <string>
#include <vector>

#include "cell/identity.hh"
#include "io/posix_disk.hh"
#include "io/reactor.hh"
#include "storage/lmdb_engine.hh"
#include "store/store.hh"

namespace polis::cell {

// kNeeded: the log is read, too, and must be intact. kIgnored: the state alone is read.
enum class LogUse { kNeeded, kIgnored };

class StoppedReplica {
 public:
  // Locks the directory, and applies to the state what the log says is committed, as a start would.
  // kUnavailable: a process uses the directory. kNotFound: it is no data directory. kCorrupt,
  // kInvalid: as Wal::open and Store::open.
  static Result<std::unique_ptr<StoppedReplica>> open(const std::string& data_dir, LogUse use);

  const Owner& owner() const { return owner_; }
  const store::Store& store() const { return *store_; }
  // The entries of the log behind the state, consecutive from store().applied() + 1 on. Each may
  // have been committed and acknowledged, or may never be.
  const std::vector<consensus::Entry>& uncommitted() const { return uncommitted_; }
  // Index and term of the last of these entries; if there is none, of the state.
  consensus::LogIndex last() const;
  consensus::Term last_term() const;

  // Writes the state, without the uncommitted entries, to a new file as a backup. Errors: as
  // Engine::save_snapshot_later.
  Result<void> save(const std::string& path);

 private:
  StoppedReplica(std::string data_dir, Owner owner)
      : data_dir_(std::move(data_dir)), owner_(std::move(owner)), disk_(reactor_) {}
  Result<void> read(LogUse use);
  Result<void> replay(std::vector<consensus::Entry> entries, consensus::LogIndex committed);
  Result<void> wait(const std::function<void(io::Done)>& begin);

  std::string data_dir_;
  Owner owner_;
  std::shared_ptr<void> lock_;
  io::Reactor reactor_;
  io::PosixDisk disk_;
  std::unique_ptr<storage::LmdbEngine> engine_;
  std::unique_ptr<store::Store> store_;
  std::vector<consensus::Entry> uncommitted_;
};

// Applies entries to a store. Nobody waits for their replies.
void apply_alone(store::Store& store, const std::vector<consensus::Entry>& entries);

}  // namespace polis::cell
