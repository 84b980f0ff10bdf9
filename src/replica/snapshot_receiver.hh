#pragma once

// A snapshot that arrives from the master: written to a file chunk by chunk, read into a second
// engine and store beside everything else that goes on, and at last made this replica's state.
//
// The steps, and what may happen between them:
//   chunks arrive          the transfer may begin anew, or never go on
//   the file is read       a chunk of the next snapshot may arrive; the first one is kept
//   the engine is free     another master may have sent what was missing: it is not wanted any more
//   the engine changes     for this moment the log stands still (Situation::installing)
//   the state is changed   by Needs::install; the log goes on behind it
//
// Threads: the loop's; reading and changing the engine go on beside it.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "io/disk.hh"
#include "io/loop.hh"
#include "replica/options.hh"
#include "replica/situation.hh"
#include "storage/engine.hh"
#include "store/store.hh"

namespace polis::replica {

class SnapshotReceiver {
 public:
  struct Needs {
    Situation& situation;  // sets `installing`
    const io::Loop& loop;
    io::Disk& disk;
    storage::Engine& engine;
    consensus::ReplicatedLog& log;
    // The state that was loaded has to speak of this replica's own log before it is durable.
    std::function<void(store::Store& loaded)> note_saved_by;
    // The engine holds the loaded state: makes it this replica's, then the log begins behind it.
    std::function<void(ReplicaId from, const SnapshotMark& mark, store::Store& loaded)> install;
    // It was not installed, and the log goes on as it was.
    std::function<void()> log_goes_on;
    Fatal fatal;
  };
  // Of the options: directory.
  SnapshotReceiver(const Options& options, Needs needs);

  void on_chunk(consensus::ChunkArrived chunk);
  // The engine has ended a commit: what waits for that goes on. Call before the next commit begins.
  void on_engine_idle();
  // A transfer that was cut off may never go on. Call now and then.
  void maybe_expect_little();

 private:
  using Loaded = std::shared_ptr<store::Store>;  // shared with callbacks of the engine
  std::string path() const { return options_.directory + "/snapshots/arriving.snapshot"; }
  void load(ReplicaId from, const SnapshotMark& mark);
  void on_loaded(ReplicaId from, const SnapshotMark& mark, const Result<void>& result,
                 Loaded loaded);
  void install(ReplicaId from, const SnapshotMark& mark, Loaded loaded);
  void on_adopted(ReplicaId from, const SnapshotMark& mark, const Result<void>& result,
                  Loaded loaded);
  void end(Loaded garbage);

  const Options& options_;
  Needs needs_;
  std::unique_ptr<io::File> file_;
  std::shared_ptr<void> much_;  // held while it arrives and is loaded (io::Disk::expect_much)
  bool loading_ = false;  // from its last chunk until its content is the state, or is not wanted
  Instant chunk_last_{};  // when one arrived
  std::optional<consensus::ChunkArrived> chunk_waiting_;  // of the next one, while one is loaded
  std::function<void()> install_next_;                    // when the engine is free
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>();  // shared with callbacks that may come too late
};

}  // namespace polis::replica
