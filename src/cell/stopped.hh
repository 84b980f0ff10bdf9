#pragma once

// What a replica that does not run has on its disk: to save it when nobody can be asked any more,
// and to go on from it alone when the quorum is lost for good.
//
// Threads: blocks; for commands. Life: open() -> save().

#include <memory>
#include <string>
#include <vector>

#include "cell/identity.hh"
#include "io/posix_disk.hh"
#include "io/reactor.hh"
#include "storage/lmdb_engine.hh"
#include "store/store.hh"

namespace polis::cell {

// Whether the log has to be there, too.
enum class LogUse { kNeeded, kIgnored };

class StoppedReplica {
 public:
  // Locks the directory and brings the state up to what the log says is committed, as a start
  // would. kUnavailable: a process uses it. kNotFound: it is no data directory. kCorrupt, kInvalid:
  // as Wal::open and Store::open.
  static Result<std::unique_ptr<StoppedReplica>> open(const std::string& data_dir, LogUse use);

  const Owner& owner() const { return owner_; }
  const store::Store& store() const { return *store_; }
  // What the log holds behind the state: perhaps acknowledged, perhaps never to be. Consecutive
  // from store().applied() + 1 on.
  const std::vector<consensus::Entry>& uncommitted() const { return uncommitted_; }
  // Entry and term of the end of all that.
  consensus::LogIndex last() const;
  consensus::Term last_term() const;

  // Writes the state, without what is uncommitted, to a new file as a backup.
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

// Applies entries for which nobody waits.
void apply_alone(store::Store& store, const std::vector<consensus::Entry>& entries);

}  // namespace polis::cell
