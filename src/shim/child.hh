#pragma once

// The instance's process between its birth and its program. It waits until the shim has put it into
// its control groups and onto the record, so that nothing runs that nobody would find.
//
// For the shim's own program alone.
//
// Threads: the main one: it lives as long as the process, and so does what PR_SET_PDEATHSIG stands
// on.

#include "shim/groups.hh"
#include "shim/listeners.hh"

namespace polis::shim {

// What the instance takes over.
struct Birth {
  const Spec& spec;
  int output;                  // descriptor of its standard output and error
  const char* notify;          // NOTIFY_SOCKET=…, or ""
  const Listeners* listeners;  // nullptr: none
  pid_t main = 0;              // for a stop command: the process to be stopped
  std::uint32_t list = kWord;  // of which field its words are
  int oom_score = 0;           // of the agent, before the shim lowered its own
};

class Child {
 public:
  // Forks. The child waits.
  Failure fork(const Birth& birth, int group);
  pid_t pid() const { return pid_; }
  // Lets it go on.
  void go();
  // Readable when its program runs, or when that failed: then ask result.
  int descriptor() const { return outcome_.get(); }
  // What came of it; the descriptor is closed then.
  Failure result();

 private:
  pid_t pid_ = 0;
  Descriptor go_;
  Descriptor outcome_;
};

}  // namespace polis::shim
