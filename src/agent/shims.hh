#pragma once

// Shims of this machine: starting one for an instance's directory, and adopting one that an earlier
// life of the agent has started.
//
// Threads: the loop's. Callbacks come on the loop's thread, never from within a call.

#include <functional>
#include <memory>
#include <string>

#include "agent/instance_spec.hh"
#include "agent/shim_link.hh"
#include "io/disk.hh"
#include "io/processes.hh"

namespace polis::agent {

// From the start of the program until its State has come.
inline constexpr Duration kStartPatience = std::chrono::seconds(10);
// For the shim's answer to a greeting.
inline constexpr Duration kGreetingPatience = std::chrono::seconds(5);

// A start or an adoption that is under way. Destroying it gives up; a shim that was started goes
// on.
class ShimAttempt {
 public:
  virtual ~ShimAttempt() = default;
};

class Shims {
 public:
  // `program`: the path of polis-shim (io::PlacedProgram).
  Shims(io::Loop& loop, io::Network& network, io::Processes& processes, std::string program)
      : loop_(loop), network_(network), processes_(processes), program_(std::move(program)) {}

  using Done = std::function<void(Result<std::unique_ptr<ShimLink>>)>;
  // Writes the spec into the directory, which is there, and starts a shim for it. A program that
  // could not be started is no error here: the State says so (agent/texts.hh, start_failure).
  // kInvalid: the spec is wrong. kExists: a shim serves this directory. kIo, kNoSpace, kNotFound:
  // the system refused. kUnavailable: the shim did not answer in time, and may yet.
  [[nodiscard]] std::unique_ptr<ShimAttempt> start(const std::string& directory,
                                                   const InstanceSpec& spec, Done done);
  // kNotFound: no shim serves this directory; its record says what has become of the instance
  // (agent/shim_directory.hh). kUnavailable: one does, and it does not answer, or has another
  // agent. kInvalid: it speaks no version of the protocol that this release speaks, or runs as
  // another user.
  [[nodiscard]] std::unique_ptr<ShimAttempt> adopt(const std::string& directory, Done done);

 private:
  class Attempt;
  io::Loop& loop_;
  io::Network& network_;
  io::Processes& processes_;
  std::string program_;
};

}  // namespace polis::agent
