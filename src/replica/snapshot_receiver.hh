#pragma once

// Receives a snapshot from another replica and makes it this replica's state. The snapshot is
// written to a file part by part; then it is read into a second store and beside the engine's
// content, while the replica goes on; at last both change places with the old state.
//
// The steps, and what may happen meanwhile:
//   1 parts arrive               the transfer may begin again, or stop for ever
//   2 the file is loaded         a part of another snapshot may arrive: one is kept until step 5
//   3 wait for the engine's      the log may learn the missing entries in another way: then the
//     commit to end              snapshot is not wanted any more, and is dropped
//   4 the engine's content is    the log stands still (Situation::installing)
//     replaced
//   5 the store is replaced      by Needs::install; the log goes on behind the snapshot
//
// Threads: the loop's; the file is loaded, and the engine changed, on another thread.
// Life: construct -> on_chunk, on_engine_idle, maybe_expect_little at any time -> destroy.
// Errors: a damaged file makes the sender send another one; a full disk makes the transfer begin
// again; all others call Needs::fatal.

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
  // All of these must outlive this object.
  struct Needs {
    Situation& situation;  // sets `installing`
    const io::Loop& loop;
    io::Disk& disk;
    storage::Engine& engine;
    consensus::ReplicatedLog& log;
    // note_saved_by of recovery.hh: called on the loaded state before that becomes durable, since
    // it names the replica that made it.
    std::function<void(store::Store& loaded)> note_saved_by;
    // The engine holds the loaded state now. Must exchange it with the replica's store, and tell
    // the log.
    std::function<void(ReplicaId from, const SnapshotMark& mark, store::Store& loaded)> install;
    // The engine had no space for the snapshot. The old state and the log stay in use.
    std::function<void()> log_goes_on;
    Fatal fatal;
  };
  // `options` must outlive this object. Used: directory.
  SnapshotReceiver(const Options& options, Needs needs);

  // A part has arrived; the replicated log decides which parts come and in which order.
  void on_chunk(consensus::ChunkArrived chunk);
  // A commit of the engine has ended. Call it before the next commit begins: a snapshot may wait
  // for this moment.
  void on_engine_idle();
  // If no part has come for 10 s, tells the disk that no large writes are expected any more
  // (io::Disk::expect_much). Call it at least every second.
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
  std::shared_ptr<void> much_;  // held while parts arrive or are loaded (io::Disk::expect_much)
  bool loading_ = false;        // from the last part until the snapshot is installed or dropped
  Instant chunk_last_{};        // when the newest part arrived
  std::optional<consensus::ChunkArrived> chunk_waiting_;  // of the next snapshot, while loading_
  std::function<void()> install_next_;                    // set: waits for the engine's commit
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>();  // shared with callbacks that may come too late
};

}  // namespace polis::replica
