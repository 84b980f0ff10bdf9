#pragma once

// Backups: copies of the whole state in a file (docs/formats/snapshot.md), made when a client asks.
//
// A backup is written from the engine. So one that was asked for waits until the engine has saved
// all that was applied at that time.
//
// Threads: the loop's; files are written on another thread.
// Life: construct -> add at any time, maybe_begin after each commit of the engine -> destroy, which
// drops the backups that wait: their `done` is not called.

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
  // Called once, on the loop's thread, when the file is complete or cannot be written. Errors: as
  // storage::Engine::save_snapshot_later. If this object is destroyed while a file is being
  // written, the file is still completed and `done` is called, unless the engine is destroyed, too.
  using Done = std::function<void(Result<storage::SnapshotFile>)>;

  // All of these must outlive this object.
  struct Needs {
    io::Disk& disk;
    storage::Engine& engine;
    const store::Store& store;
    Fatal fatal;  // called after `done` if the engine's file is damaged or cannot be read
  };
  explicit Backups(Needs needs);

  // Asks for a backup of the state that has everything applied so far. It is written to a new file
  // at `path` as soon as the engine has saved that much.
  void add(const std::string& path, Done done);
  // Begins to write each backup whose state the engine has saved. Call it after add(), and after
  // each commit of the engine.
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
