#pragma once

// The processes of the system. Each is held by a pidfd, which names it for as long as it is open
// (Linux 5.3 and later).
//
// A child whose Process is destroyed is still waited for, so that it does not stay a zombie.
//
// Threads: the loop's. Life: inside its reactor's; after its end no child is waited for.

#include <set>

#include "io/processes.hh"
#include "io/reactor.hh"

namespace polis::io {

class SystemProcesses final : public Processes {
 public:
  explicit SystemProcesses(Reactor& reactor) : reactor_(reactor) {}
  ~SystemProcesses() override;
  Result<std::unique_ptr<Process>> start(const Command& command, OnEnd on_end) override;
  Result<std::unique_ptr<Process>> adopt(const ProcessId& id, OnEnd on_end) override;

 private:
  class Watched;
  class Handle;
  std::unique_ptr<Process> watch(int descriptor, const ProcessId& id, bool child, OnEnd on_end);

  Reactor& reactor_;
  std::set<std::shared_ptr<Watched>> watched_;  // until they end
};

}  // namespace polis::io
