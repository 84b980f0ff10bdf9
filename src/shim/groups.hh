#pragma once

// The control groups of an instance: made, limited, filled, emptied and removed here. The agent has
// made what stands above them, and has translated limits into files and values (v2: one group; v1:
// one in each hierarchy that limits something; on hybrid machines both).
//
// For the shim's own program alone.
//
// Threads: the main one.

#include "shim/spec.hh"
#include "shim/system.hh"

namespace polis::shim {

// A failure of a step.
struct Failure {
  Step step = Step::kNone;
  int number = 0;  // errno
  Text what;
  explicit operator bool() const { return step != Step::kNone; }
};

class Groups {
 public:
  // Makes them and sets the limits. A group that is there already is emptied and made anew: what is
  // in it is of an earlier life, whose shim has gone. Optional settings that fail are counted.
  Failure make(const Spec& spec, State& state);
  // Into which the main process is to be born; -1: none.
  int unified() const { return unified_.get(); }
  // Puts a process into all of them, but for the unified one if it was born there.
  Failure attach(pid_t pid, bool born_in_unified) const;
  // One of them can kill all that is in it.
  bool can_kill() const { return kills_; }
  // Kills all that is in them, as far as one call can.
  void kill() const;
  // Sends a signal to all that is in them. False: there is none that tracks all.
  bool signal(int number) const;
  // Nothing is left in them. True if there are none.
  bool empty() const;
  std::uint64_t processes() const;
  // How many the system has killed in them for want of memory.
  std::uint64_t oom_kills() const;
  void remove() const;

 private:
  struct Group {
    Descriptor directory;
    std::string_view path;  // with its final zero byte, in the spec
    GroupKind kind{};
  };
  Failure make_one(const Field& field, State& state);
  Failure set(int directory, const Field& setting, State& state) const;

  Group groups_[kControlGroupsMax];
  std::size_t count_ = 0;
  Descriptor unified_;
  bool kills_ = false;
};

}  // namespace polis::shim
