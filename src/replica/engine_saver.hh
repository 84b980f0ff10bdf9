#pragma once

// Saves what was applied to the engine from time to time. Then it is durable there, and the log may
// forget the entries.
//
// One commit is under way at a time. If the engine has no space, the log still holds everything,
// and the commit is tried again a second later.
//
// Threads: the loop's; the engine commits on another thread.

#include <functional>
#include <memory>

#include "io/loop.hh"
#include "replica/options.hh"
#include "replica/situation.hh"
#include "storage/engine.hh"
#include "store/store.hh"

namespace polis::replica {

class EngineSaver {
 public:
  // All of these must outlive this object.
  struct Needs {
    const Situation& situation;
    const io::Loop& loop;
    storage::Engine& engine;
    store::Store& store;
    std::function<bool()> log_at_rest;                 // LogWriter::at_rest
    std::function<void(store::Store&)> note_saved_by;  // as in recovery.hh
    // A commit has ended, and the store has been told. Called before the next commit begins.
    std::function<void(const Result<void>& result)> ended;
    Fatal fatal;
  };
  // `options` must outlive this object. Used: engine_interval, engine_bytes.
  EngineSaver(const Options& options, Needs needs);

  // save(), if engine_interval has passed since the last commit began. Call it about every 20 ms.
  void save_if_due();
  // save(), if at least engine_bytes have been applied since. Call it after entries were applied.
  void save_if_much();
  // Begins to commit everything that is not saved yet. Does nothing if a commit is under way, if a
  // snapshot is being installed, or if a commit failed less than a second ago.
  void save();

 private:
  void on_committed(const Result<void>& result);

  const Options& options_;
  Needs needs_;
  Instant saved_{}, retry_{};
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>();  // shared with callbacks that may come too late
};

}  // namespace polis::replica
