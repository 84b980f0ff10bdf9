#pragma once

// For tests: a real loop, real processes, the embedded shim, and a directory for instances.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "agent/embedded_shim.hh"
#include "agent/shim_directory.hh"
#include "agent/shims.hh"
#include "agent/texts.hh"
#include "io/posix_disk.hh"
#include "io/programs.hh"
#include "io/reactor.hh"
#include "io/system_processes.hh"
#include "io/tcp.hh"
#include "io/testing/run_until.hh"
#include "io/testing/temporary_directory.hh"

namespace polis::agent {

using namespace std::chrono_literals;

class ShimBench {
 public:
  explicit ShimBench(const std::string& parent = std::filesystem::temp_directory_path().string())
      : directory_(parent) {
    auto placed = io::PlacedProgram::place(directory_.path(), "polis-shim", embedded_shim());
    EXPECT_TRUE(placed) << placed.error().text;
    program_ = *placed;
    shims_ = std::make_unique<Shims>(reactor_, network_, processes_, program_.path());
  }
  // What a test has left running does not outlive it: a shim kills what its main process leaves.
  ~ShimBench() {
    for (const std::string& instance : instances_) {
      auto found = look(instance);
      // The record of a start that failed comes a little later.
      run_until([&] {
        found = look(instance);
        return !found || !found->served || found->record;
      });
      if (!found || !found->record) continue;
      const shim::State state = found->record->state;
      if (state.pid > 0 && state.phase != shim::Phase::kEnded)
        ::kill(static_cast<pid_t>(state.pid), SIGKILL);
      if (!found->served) continue;
      EXPECT_TRUE(run_until([&] {
        found = look(instance);
        return !found || found->record->state.phase == shim::Phase::kEnded;
      }));
      ::kill(static_cast<pid_t>(state.shim_pid), SIGKILL);
    }
  }

  bool run_until(const std::function<bool()>& holds, Duration limit = 20s) {
    return io::run_until(reactor_, holds, limit);
  }

  std::string make_directory(const std::string& name) {
    const std::string path = directory_.path() + "/" + name;
    std::filesystem::create_directories(path);
    instances_.push_back(path);
    return path;
  }

  // A shell command.
  InstanceSpec shell(const std::string& script) {
    return {.words = {"/bin/sh", "-c", script},
            .environment = {"PATH=/usr/bin:/bin"},
            .log_directory = make_logs()};
  }
  InstanceSpec python(const std::string& script) {
    return {.words = {"/usr/bin/python3", "-c", script},
            .environment = {"PATH=/usr/bin:/bin"},
            .log_directory = make_logs()};
  }

  using Outcome = Result<std::unique_ptr<ShimLink>>;
  Outcome start(const std::string& instance, const InstanceSpec& spec) {
    std::optional<Outcome> outcome;
    auto attempt = shims_->start(instance, spec, [&](Outcome o) { outcome = std::move(o); });
    EXPECT_TRUE(run_until([&] { return outcome.has_value(); }));
    return std::move(*outcome);
  }
  Outcome adopt(const std::string& instance) {
    std::optional<Outcome> outcome;
    auto attempt = shims_->adopt(instance, [&](Outcome o) { outcome = std::move(o); });
    EXPECT_TRUE(run_until([&] { return outcome.has_value(); }));
    return std::move(*outcome);
  }
  // The outcome of a request.
  Result<void> ask(const std::function<void(ShimLink::Answered)>& request) {
    std::optional<Result<void>> answer;
    request([&](Result<void> a) { answer = std::move(a); });
    EXPECT_TRUE(run_until([&] { return answer.has_value(); }));
    return *answer;
  }
  bool until_running(ShimLink& link) {
    return run_until([&] { return link.state().phase >= shim::Phase::kRunning; });
  }
  // With its output.
  bool until_ended(ShimLink& link) {
    return run_until([&] {
      return link.state().phase == shim::Phase::kEnded && link.state().output_complete == 1;
    });
  }
  // The shim has gone.
  bool until_left(const std::string& instance) {
    return run_until([&] {
      auto found = look(instance);
      return found && !found->served;
    });
  }
  static bool is_there(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(in, line);
    const std::size_t name_end = line.rfind(')');
    return name_end != std::string::npos && line.size() > name_end + 2 && line[name_end + 2] != 'Z';
  }
  // All that was kept of the output of the last shell or python.
  std::string log() const {
    std::string all;
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(logs_))
      files.insert(entry.path().string());
    for (const std::string& file : files) all += io::read_file(file).value_or("");
    return all;
  }
  const std::string& logs() const { return logs_; }
  const std::string& path() const { return directory_.path(); }
  io::Reactor& reactor() { return reactor_; }
  io::Network& network() { return network_; }
  Shims& shims() { return *shims_; }

 private:
  std::string make_logs() {
    logs_ = directory_.path() + "/logs" + std::to_string(++serial_);
    std::filesystem::create_directories(logs_);
    return logs_;
  }

  io::TemporaryDirectory directory_;
  io::Reactor reactor_;
  io::TcpNetwork network_{reactor_};
  io::SystemProcesses processes_{reactor_};
  io::PlacedProgram program_;
  std::unique_ptr<Shims> shims_;
  std::vector<std::string> instances_;
  std::string logs_;
  int serial_ = 0;
};

}  // namespace polis::agent
