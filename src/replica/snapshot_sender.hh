#pragma once

// Makes the snapshot that is sent to peers whose log ends before this replica's log begins, and
// reads its parts.
//
// There is at most one snapshot, in a file. It is made when the log asks for one and the engine
// holds the state at which the log begins. Its parts are read when messages that refer to them are
// sent.
//
// Threads: the loop's; the file is written on another thread.
// Life: construct -> make, read, forget at any time -> destroy.

#include <memory>
#include <optional>
#include <string>

#include "io/disk.hh"
#include "io/loop.hh"
#include "replica/counters.hh"
#include "replica/options.hh"
#include "storage/engine.hh"
#include "store/store.hh"

namespace polis::replica {

class SnapshotSender {
 public:
  // All of these must outlive this object.
  struct Needs {
    const io::Loop& loop;
    io::Disk& disk;
    storage::Engine& engine;
    const store::Store& store;      // for how much of it the engine holds
    consensus::ReplicatedLog& log;  // for on_snapshot_available()
    Fatal fatal;
    Counters& counters;
  };
  // `options` must outlive this object. Used: directory.
  SnapshotSender(const Options& options, Needs needs);

  // The log asks for a snapshot that ends where the log begins, or later. If there is one, tells
  // the log so (on_snapshot_available) within this call; else begins to make one, and tells the log
  // when it is made. If none can be made now, nothing happens: the log asks again.
  void make();
  // A peer has found the snapshot's file damaged: drops it.
  void forget();
  // Appends the part to `out`. False: the part is of another snapshot, or cannot be read.
  bool read(const consensus::ChunkReference& chunk, std::string& out);
  // The index of the snapshot; its receiver needs the log behind that. nullopt: there is none.
  std::optional<LogIndex> index() const;

 private:
  void on_made(const std::string& path, const Result<storage::SnapshotFile>& made);

  const Options& options_;
  Needs needs_;
  std::optional<SnapshotMark> mark_;  // of the file below
  std::string path_;
  std::uint64_t bytes_ = 0;
  std::unique_ptr<io::File> file_;
  bool making_ = false;
  std::uint64_t serial_ = 0;
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>();  // shared with callbacks that may come too late
};

}  // namespace polis::replica
