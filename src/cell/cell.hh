#pragma once

// A serving replica of a cell: everything below put together in one process.
//
// Threads: run() is the loop. Life: open -> run -> destroy.

#include <memory>

#include "base/error.hh"
#include "cell/settings.hh"

namespace polis::cell {

class Cell {
 public:
  // Takes the data directory, recovers, and listens. Errors say what to do.
  static Result<std::unique_ptr<Cell>> open(Settings settings);
  ~Cell();
  // Serves until SIGINT or SIGTERM, then hands mastership over, lets calls end, and returns 0; a
  // second signal ends at once. 1 after a failure that it cannot survive; what it was is in the
  // log.
  int run();

 private:
  struct Impl;
  explicit Cell(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace polis::cell
