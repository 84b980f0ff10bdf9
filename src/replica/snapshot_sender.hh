#pragma once

// The snapshot that peers are sent whose log ends before this replica's begins.
//
// There is one at a time, in a file. It is made when the log wants one and the engine holds the
// state behind which the log begins. Its chunks are read when messages that name them are sent.
//
// Threads: the loop's; the file is written beside it.

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
  struct Needs {
    const io::Loop& loop;
    io::Disk& disk;
    storage::Engine& engine;
    const store::Store& store;      // for how much of it the engine holds
    consensus::ReplicatedLog& log;  // for on_snapshot_available()
    Fatal fatal;
    Counters& counters;
  };
  // Of the options: directory.
  SnapshotSender(const Options& options, Needs needs);

  // The log wants a snapshot behind which it goes on. Tells the log at once if there is one, or
  // when one is made. Nothing happens if none can be made now: the log asks again.
  void make();
  // The file does not hold together, as a peer says.
  void forget();
  // Appends the chunk to `out`. False: it is of another snapshot, or cannot be read.
  bool read(const consensus::ChunkReference& chunk, std::string& out);
  // Where the snapshot ends, if there is one: whoever receives it needs the log from there on.
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
