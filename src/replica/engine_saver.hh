#pragma once

// Hands what was applied to the engine, now and then, so that it is durable there and the log may
// forget it.
//
// One commit at a time. When the engine has no space, the log still holds everything, so it is
// tried again.
//
// Threads: the loop's; commits go on beside it.

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
  struct Needs {
    const Situation& situation;
    const io::Loop& loop;
    storage::Engine& engine;
    store::Store& store;
    std::function<bool()> log_at_rest;                 // LogWriter::at_rest
    std::function<void(store::Store&)> note_saved_by;  // how far the log is durable
    // A commit has ended: the store knows it already. Called before the next one begins.
    std::function<void(const Result<void>& result)> ended;
    Fatal fatal;
  };
  // Of the options: engine_interval and engine_bytes.
  EngineSaver(const Options& options, Needs needs);

  // Commits if engine_interval has passed. Call every few milliseconds.
  void save_if_due();
  // Commits if much was applied. Call when something was.
  void save_if_much();
  // Commits what there is, unless a commit is under way or one has just failed.
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
