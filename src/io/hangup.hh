#pragma once

// SIGHUP: a person, or the service manager, asks this process to read its files again.
//
// While the object lives, the signal does not end the process.
//
// Threads: the loop's. One object for a process.

#include <functional>
#include <memory>

#include "io/reactor.hh"

namespace polis::io {

class Hangup {
 public:
  // `f` is called on the loop's thread for each signal; several that come close together may be
  // one.
  Hangup(Reactor& reactor, std::function<void()> f);
  ~Hangup();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace polis::io
