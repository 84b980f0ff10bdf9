#pragma once

// One instance under its shim: what Life decides is carried out here, and what happens is told to
// it. The parts own what they say; this one knows the order.
//
// For the shim's own program alone.
//
// Threads: the main one.   Life: open -> start -> run.

#include "shim/agents.hh"
#include "shim/child.hh"
#include "shim/disk_thread.hh"
#include "shim/notify.hh"
#include "shim/output.hh"

namespace polis::shim {

class Instance {
 public:
  // `spec` lives as long as this. `directory`: absolute; also the working directory.
  Instance(const Spec& spec, std::string_view directory);
  // From now on an agent is heard. 0, or an errno.
  int open();
  // `spec` is none: nothing is started, and the agent is told.
  void refuse(Step step, int number, std::string_view what);
  // Starts the program. If that fails, the agent is told.
  void start();
  // Until the shim may leave.
  void run();

 private:
  Failure prepare();
  Failure spawn();
  void open_record();
  void wait();
  void take_signals();
  void reap();
  void take_outcome();
  void take_disk_news();
  void take_requests();
  void perform();
  void run_stop_command();
  void kill_all();
  bool nothing_left() const;
  bool takes_output() const { return output_.descriptor() >= 0 && !drains_; }
  void take_end();
  void write_record();
  void count_output();
  void set_timer();

  const Spec& spec_;
  const std::string_view directory_;
  Life life_;
  Agents agents_;
  Groups groups_;
  Listeners listeners_;
  Notify notify_;
  OutputCounts counts_;
  Output output_;
  DiskThread disk_;
  Child child_, stop_child_;
  Descriptor timer_, signals_, record_file_;
  Record record_;
  pid_t main_ = 0;
  int oom_score_ = 0;  // that the agent has given
  bool agent_there_ = false;
  bool leaving_ = false;
  bool disk_runs_ = false;
  bool drains_ = false;         // the disk thread takes what is left of the output
  Nanoseconds counted_at_ = 0;  // when the agent was told the output's counts
  Nanoseconds leave_until_ = kNever;
  bool leave_ = false;
};

}  // namespace polis::shim
