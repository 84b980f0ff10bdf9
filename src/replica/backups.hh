#pragma once

// Backups: copies of the whole state in a file, at a client's wish.
//
// Threads: the loop's; files are written beside it.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/disk.hh"
#include "replica/types.hh"
#include "storage/engine.hh"
#include "store/store.hh"

namespace polis::replica {

class Backups {
 public:
  // May be called after this object is gone.
  using Done = std::function<void(Result<storage::SnapshotFile>)>;

  struct Needs {
    io::Disk& disk;
    storage::Engine& engine;
    const store::Store& store;
    Fatal fatal;  // what is on disk is not to be trusted any more
  };
  explicit Backups(Needs needs);

  // Writes the state, with everything that is applied now, to a new file as soon as the engine
  // holds that.
  void add(const std::string& path, Done done);
  // Begins those whose state the engine holds. Call when the engine has committed.
  void maybe_begin();

 private:
  struct Backup {
    std::string path;
    LogIndex needed;  // durable in the engine before it may be written
    Done done;
  };
  Needs needs_;
  std::vector<Backup> waiting_;
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>();  // shared with callbacks that may come too late
};

}  // namespace polis::replica
