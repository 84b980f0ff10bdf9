#pragma once

// Other processes of this machine: starting them, signals, their ends. The real ones come from
// io::SystemProcesses; sim::SimulatedProcesses has a twin in virtual time.
//
// Threads: the loop's. Callbacks come on the loop's thread, never from within a call.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hh"

namespace polis::io {

// Names one process of one boot of the machine. A number alone is given again to somebody else.
struct ProcessId {
  std::int64_t number = 0;    // the pid
  std::uint64_t started = 0;  // clock ticks since the boot (field 22 of /proc/PID/stat)
  bool operator==(const ProcessId&) const = default;
};

// How a process ended.
struct Ended {
  enum class How {
    kExited,   // `number` is its exit status, 0 to 255
    kKilled,   // `number` is the signal
    kUnknown,  // it was not this process's child, so only its parent is told
  };
  How how = How::kUnknown;
  int number = 0;
  bool operator==(const Ended&) const = default;
};

struct Command {
  // The program and its arguments. A program without a slash is looked for in this process's PATH.
  std::vector<std::string> words;
  // NAME=value; nothing: this process's own environment.
  std::optional<std::vector<std::string>> environment;
  std::string directory;            // in which it starts; empty: this process's
  std::string input = "/dev/null";  // absolute
  // A file that standard output and standard error are appended to, made if need be, readable by
  // its owner alone; absolute. Empty: where this process's go.
  std::string output;
  // It leads a session of its own: a terminal's signals to this process do not reach it.
  bool own_session = true;
};

// A process that runs, or has ended. Destroying the object ends nothing; its callback does not come
// afterwards.
class Process {
 public:
  virtual ~Process() = default;
  virtual ProcessId id() const = 0;
  virtual bool running() const = 0;  // false from the call of its callback on
  // Reaches this process and never another one that got its number. kNotFound: it has ended.
  // kIo: this user may not.
  virtual Result<void> signal(int number) = 0;
};

class Processes {
 public:
  virtual ~Processes() = default;
  using OnEnd = std::function<void(const Ended&)>;

  // The new process has no signal blocked or ignored, and of this one's descriptors only those that
  // `command` names. `on_end` is called once.
  // kNotFound: there is no such program or directory. kInvalid: no word, or a file name that is not
  // absolute. kIo: the system refused.
  virtual Result<std::unique_ptr<Process>> start(const Command& command, OnEnd on_end) = 0;
  // Watches a process that an earlier life of this one, or somebody else, has started.
  // kNotFound: it has ended.
  virtual Result<std::unique_ptr<Process>> adopt(const ProcessId& id, OnEnd on_end) = 0;
};

}  // namespace polis::io
