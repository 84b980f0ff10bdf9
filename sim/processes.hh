#pragma once

// Simulated processes: programs that are written as C++ objects, and run in virtual time.
//
// The processes belong to the machine (ProcessTable), not to who started them: an agent that dies
// leaves them running, and its next life adopts them. A machine that crashes takes them with it.
//
// The table has the faults of real ones: starting takes time, an end is told late, and a killed
// process may take long to be gone (one that waits for a disk cannot be interrupted).

#include <map>

#include "io/processes.hh"
#include "sim/world.hh"

namespace polis::sim {

// What a program can do with its own process.
class OwnProcess {
 public:
  virtual ~OwnProcess() = default;
  // The process's own: what it plans is forgotten when the process ends.
  virtual io::Loop& loop() = 0;
  virtual io::ProcessId id() const = 0;
  // Ends it. Takes effect behind the current event.
  virtual void exit(int status) = 0;
};

// A program that runs. Destroyed with its process.
class Program {
 public:
  virtual ~Program() = default;
  // False: the signal has its default effect, which for most is the end. SIGKILL, SIGSTOP and
  // SIGCONT never come here.
  virtual bool on_signal(int) { return false; }
};

struct ProcessFaults {
  Duration start_max = std::chrono::milliseconds(5);
  Duration told_max = std::chrono::milliseconds(2);  // until a parent hears of an end
  Duration kill_max = std::chrono::milliseconds(1);  // from a deadly signal to the end
};

// All processes of one machine.
class ProcessTable {
 public:
  using Start = std::function<std::unique_ptr<Program>(const io::Command&, OwnProcess&)>;

  // `machine`: its clock's drift is the processes', too.
  ProcessTable(World& world, double drift) : world_(world), drift_(drift), random_(world.fork()) {}
  // A program by its name: what a Command's first word says.
  void install(const std::string& name, Start start) { programs_[name] = std::move(start); }
  // The machine's power is cut: all processes are gone, and nobody is told.
  void crash();
  std::size_t running() const { return processes_.size(); }

  ProcessFaults faults;

 private:
  friend class SimulatedProcesses;
  struct Running;
  using RunningPtr = std::shared_ptr<Running>;

  Result<RunningPtr> start(const io::Command& command);
  RunningPtr find(const io::ProcessId& id) const;
  void signal(const RunningPtr& running, int number);
  void end(const RunningPtr& running, const io::Ended& ended);
  Duration up_to(Duration most);

  World& world_;
  double drift_;
  Random random_;
  std::map<std::string, Start> programs_;
  std::map<std::int64_t, RunningPtr> processes_;
  std::int64_t last_number_ = 100;
};

// What one simulated process, `owner`, sees of its machine's table. Life: the table and the owner
// outlive it; the owner's crash ends its watching, and no process.
class SimulatedProcesses final : public io::Processes {
 public:
  SimulatedProcesses(Machine& owner, ProcessTable& table) : owner_(owner), table_(table) {}
  Result<std::unique_ptr<io::Process>> start(const io::Command& command, OnEnd on_end) override;
  Result<std::unique_ptr<io::Process>> adopt(const io::ProcessId& id, OnEnd on_end) override;

 private:
  class Handle;
  std::unique_ptr<io::Process> watch(const ProcessTable::RunningPtr& running, bool child,
                                     OnEnd on_end);
  Machine& owner_;
  ProcessTable& table_;
};

}  // namespace polis::sim
