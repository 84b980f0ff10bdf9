#pragma once

// A serving replica, put together from all folders below cell/, with its networks, pages and log
// lines. (One `Cell` is one replica, not a whole cell.)
//
// Threads: run() is the loop. Life: open -> run -> destroy.

#include <memory>

#include "base/error.hh"
#include "cell/settings.hh"

namespace polis::cell {

class Cell {
 public:
  // Locks the data directory, recovers the replica, and listens. The text of an error says what to
  // do.
  static Result<std::unique_ptr<Cell>> open(Settings settings);
  ~Cell();
  // Serves until SIGINT or SIGTERM. Then it hands mastership over, lets open calls end, and returns
  // 0; a second signal makes it return at once. Returns 1 after a failure that the replica cannot
  // survive; the log line says which.
  int run();

 private:
  struct Impl;
  explicit Cell(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace polis::cell
