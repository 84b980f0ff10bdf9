#include "sim/processes.hh"

#include <fmt/format.h>

#include <csignal>

namespace polis::sim {

struct ProcessTable::Running final : OwnProcess,
                                     std::enable_shared_from_this<ProcessTable::Running> {
  Running(ProcessTable& owner, io::ProcessId name)
      : table(owner), name(name), machine(owner.world_, owner.drift_) {}
  io::Loop& loop() override { return machine; }
  io::ProcessId id() const override { return name; }
  void exit(int status) override {
    table.world_.after(Duration::zero(), [self = shared_from_this(), status] {
      self->table.end(self, {io::Ended::How::kExited, status & 0xff});
    });
  }

  ProcessTable& table;
  io::ProcessId name;
  Machine machine;
  std::unique_ptr<Program> program;
  bool ended = false;
  bool stopped = false;      // by SIGSTOP
  std::vector<int> pending;  // signals that came while it was stopped
  std::vector<std::function<void(const io::Ended&)>> watchers;
};

Duration ProcessTable::up_to(Duration most) {
  return Duration(static_cast<std::int64_t>(
      random_.below(static_cast<std::uint64_t>(std::max<std::int64_t>(most.count(), 1)))));
}

Result<ProcessTable::RunningPtr> ProcessTable::start(const io::Command& command) {
  if (command.words.empty() || command.words.front().empty())
    return fail(ErrorCode::kInvalid, "a process needs a program to run");
  const std::string& name = command.words.front();
  for (const std::string* path : {&command.directory, &command.input, &command.output}) {
    if (!path->empty() && !path->starts_with('/'))
      return fail(ErrorCode::kInvalid,
                  fmt::format("cannot start {}: {} must be an absolute path", name, *path));
  }
  if (name.find('/') != std::string::npos && !name.starts_with('/'))
    return fail(ErrorCode::kInvalid,
                fmt::format("cannot start {}: name it by an absolute path", name));
  auto program = programs_.find(name);
  if (program == programs_.end())
    return fail(ErrorCode::kNotFound, fmt::format("cannot start {}: no such program", name));
  const auto ticks =
      static_cast<std::uint64_t>(world_.now().time_since_epoch().count() / 10'000'000);
  auto running = std::make_shared<Running>(*this, io::ProcessId{++last_number_, ticks});
  processes_[last_number_] = running;
  world_.after(up_to(faults.start_max), [running, command, start = program->second] {
    if (running->ended) return;
    running->machine.deliver([running, command, start] {
      running->program = start(command, *running);
      for (const int number : std::exchange(running->pending, {}))
        running->table.signal(running, number);
    });
  });
  return running;
}

ProcessTable::RunningPtr ProcessTable::find(const io::ProcessId& id) const {
  auto found = processes_.find(id.number);
  return found != processes_.end() && found->second->name == id ? found->second : nullptr;
}

void ProcessTable::signal(const RunningPtr& running, int number) {
  if (running->ended) return;
  const bool harmless = number == SIGCHLD || number == SIGURG || number == SIGWINCH;
  if (number == 0) return;
  if (number == SIGSTOP) {
    running->stopped = true;
    return running->machine.stop();
  }
  if (number == SIGCONT) {
    running->stopped = false;
    running->machine.go_on();
    for (const int late : std::exchange(running->pending, {})) signal(running, late);
    return;
  }
  if (number != SIGKILL) {
    // One that stands still, or has not come to its first instruction, gets it later.
    if (running->stopped || !running->program) return running->pending.push_back(number);
    if (running->program->on_signal(number) || harmless) return;
  }
  world_.after(up_to(faults.kill_max),
               [this, running, number] { end(running, {io::Ended::How::kKilled, number}); });
}

void ProcessTable::end(const RunningPtr& running, const io::Ended& ended) {
  if (std::exchange(running->ended, true)) return;
  running->machine.crash();
  running->program.reset();
  processes_.erase(running->name.number);
  for (auto& watcher : std::exchange(running->watchers, {})) {
    world_.after(up_to(faults.told_max), [watcher = std::move(watcher), ended] { watcher(ended); });
  }
}

void ProcessTable::crash() {
  for (auto& [number, running] : std::exchange(processes_, {})) {
    running->ended = true;
    running->machine.crash();
    running->program.reset();
    running->watchers.clear();
  }
}

class SimulatedProcesses::Handle final : public io::Process {
 public:
  Handle(ProcessTable& table, ProcessTable::RunningPtr running)
      : table_(table), running_(std::move(running)) {}
  io::ProcessId id() const override { return running_->name; }
  bool running() const override { return !*told_; }
  Result<void> signal(int number) override {
    if (running_->ended)
      return fail(ErrorCode::kNotFound, fmt::format("cannot send signal {} to process {}: it has "
                                                    "ended",
                                                    number, running_->name.number));
    table_.signal(running_, number);
    return {};
  }
  // Shared with the event that tells its owner, which comes to nothing when this is gone.
  const std::shared_ptr<bool>& told() const { return told_; }

 private:
  ProcessTable& table_;
  ProcessTable::RunningPtr running_;
  std::shared_ptr<bool> told_ = std::make_shared<bool>(false);
};

std::unique_ptr<io::Process> SimulatedProcesses::watch(const ProcessTable::RunningPtr& running,
                                                       bool child, OnEnd on_end) {
  auto handle = std::make_unique<Handle>(table_, running);
  running->watchers.push_back([owner = &owner_, child, on_end = std::move(on_end),
                               told = std::weak_ptr(handle->told())](const io::Ended& ended) {
    owner->deliver([child, on_end, told, ended] {
      auto alive = told.lock();
      if (!alive) return;
      *alive = true;
      on_end(child ? ended : io::Ended{});
    });
  });
  return handle;
}

Result<std::unique_ptr<io::Process>> SimulatedProcesses::start(const io::Command& command,
                                                               OnEnd on_end) {
  auto running = table_.start(command);
  if (!running) return std::unexpected(running.error());
  return watch(*running, true, std::move(on_end));
}

Result<std::unique_ptr<io::Process>> SimulatedProcesses::adopt(const io::ProcessId& id,
                                                               OnEnd on_end) {
  auto running = table_.find(id);
  if (!running)
    return fail(ErrorCode::kNotFound,
                fmt::format("cannot watch process {}: it has ended", id.number));
  return watch(running, false, std::move(on_end));
}

}  // namespace polis::sim
