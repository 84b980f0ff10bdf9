#pragma once

// The instance's standard output and error: a FIFO that both the instance and the shim hold open
// for reading and writing. So there is no SIGPIPE, whatever ends; and whoever comes after a dead
// shim can drain it by its name.
//
// What comes is moved, without a copy, into the pipe to the disk thread. What is above the rate, or
// more than the disk takes, stays in the FIFO as long as that has much room, so that the last lines
// of an instance that ends are kept, whatever it wrote before. Then the oldest is dropped and
// counted: the instance is not to wait.
//
// For the shim's own program alone.
//
// Threads: the main one.

#include "shim/groups.hh"
#include "shim/log_files.hh"

namespace polis::shim {

class Output {
 public:
  Output(const Spec& spec, OutputCounts& counts);
  // Makes the FIFO in the working directory.
  Failure open(const Spec& spec);
  int descriptor() const { return fifo_.get(); }
  // The end for the instance, without O_NONBLOCK.
  int instance_end() const { return instance_end_.get(); }
  void close_instance_end() { instance_end_.reset(); }
  // Takes what is there, at most kTakeAtOnce times; the rest comes in the next turn. `pipe`: where
  // to; -1: nowhere.
  void take(int pipe, Nanoseconds now);
  // Something is left in the FIFO on purpose: look again after kHeldMilliseconds, and not before.
  bool held() const { return held_; }

 private:
  bool allowed(Nanoseconds now);
  std::uint64_t waiting() const;
  bool discard(std::uint64_t most);
  bool keep(int pipe);

  OutputCounts& counts_;
  const bool kept_;
  const std::uint64_t rate_;  // bytes a second; 0: no bound
  const std::uint64_t burst_;
  Descriptor fifo_, instance_end_, nothing_;
  std::int64_t allowance_;  // bytes that may come now
  Nanoseconds refilled_ = 0;
  std::uint64_t hold_max_ = 0;  // bytes that may stay in the FIFO
  bool held_ = false;
};

inline constexpr int kTakeAtOnce = 16;
inline constexpr int kHeldMilliseconds = 1;

}  // namespace polis::shim
