// polis run FILE...: an application on this machine, without a cell

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "agent/embedded_shim.hh"
#include "agent/local_agent.hh"
#include "cli/application_files.hh"
#include "cli/cli.hh"
#include "io/hangup.hh"
#include "io/posix_disk.hh"
#include "io/programs.hh"
#include "io/system_processes.hh"

namespace polis::cli {
namespace {

struct RunOptions {
  std::vector<std::string> files;
  std::string state_directory;
};

std::string default_state_directory(const std::string& application) {
  if (::geteuid() == 0) return "/var/lib/polis/run/" + application;
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  const std::string base = state != nullptr && *state == '/' ? std::string(state)
                           : home != nullptr                 ? std::string(home) + "/.local/state"
                                                             : "/tmp";
  return base + "/polis/run/" + application;
}

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

std::string absolute_directory_of(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  std::string directory = slash == std::string::npos ? "." : file.substr(0, slash + 1);
  char resolved[4096];
  return ::realpath(directory.c_str(), resolved) != nullptr ? resolved : directory;
}

void say(const std::string& line) {
  const auto now = std::chrono::seconds(io::wall_clock_nanoseconds() / 1'000'000'000);
  fmt::print("{:%H:%M:%S} {}\n", fmt::localtime(now.count()), line);
  std::fflush(stdout);
}

// The one application of the files, if it may run.
Result<model::Application> application_of(const std::vector<std::string>& names) {
  auto loaded = load_applications(names);
  if (!loaded) return std::unexpected(loaded.error());
  if (loaded->verdict.refused) {
    print_problems(*loaded, /*quiet=*/true);
    return fail(ErrorCode::kInvalid, "nothing has changed: the files have the errors above");
  }
  if (loaded->parsed.applications.size() != 1)
    return fail(ErrorCode::kInvalid,
                fmt::format("polis run takes one application, and the files have {}",
                            loaded->parsed.applications.size()));
  return loaded->parsed.applications.front().application;
}

// One life of the agent.
class LocalRun {
 public:
  LocalRun(RunOptions options, std::string directory, std::string program)
      : options_(std::move(options)),
        shims_(reactor_, reactor_.network(), processes_, std::move(program)),
        agent_({reactor_, disk_, shims_, prober_}, reactor_.network(),
               {absolute_directory_of(options_.files.front()), std::move(directory), host_name()},
               [this](const std::string& line) { on_line(line); }) {}

  int run(const model::Application& application) {
    name_ = application.name;
    begun_ = reactor_.now();
    if (auto applied = agent_.apply(application); !applied) return complain(applied.error());
    reactor_.on_signal([this](int) { on_signal(); });
    io::Hangup hangup(reactor_, [this] { reload(); });
    reactor_.run();
    return stopped_ ? kDone : kRefused;
  }

 private:
  void on_line(const std::string& line) {
    say(line);
    if (!stopping_ && agent_.all_serve() && !std::exchange(all_served_, true)) {
      say(fmt::format("{}: all {} instances serve, {:.1f} s after the start", name_, agent_.size(),
                      std::chrono::duration<double>(reactor_.now() - begun_).count()));
    }
  }
  void on_signal() {
    if (std::exchange(stopping_, true)) {
      say("leaving what has not stopped; polis run with the same files finds it again");
      return reactor_.stop();
    }
    say("stopping in the reverse order; a second signal leaves what still runs");
    agent_.stop([this] {
      stopped_ = true;
      say(name_ + ": everything has stopped");
      reactor_.stop();
    });
  }
  void reload() {
    if (stopping_) return;
    auto application = application_of(options_.files);
    auto applied = application ? agent_.apply(*application)
                               : Result<void>(std::unexpected(application.error()));
    all_served_ = false;
    say(applied ? "SIGHUP: the files were read again" : "SIGHUP: " + applied.error().text);
  }

  RunOptions options_;
  io::Reactor reactor_;
  io::PosixDisk disk_{reactor_};
  io::SystemProcesses processes_{reactor_};
  agent::Prober prober_{reactor_, reactor_.network(), processes_};
  agent::Shims shims_;
  agent::LocalAgent agent_;
  std::string name_;
  Instant begun_{};
  bool stopping_ = false, stopped_ = false, all_served_ = false;
};

int run_files(const RunOptions& options) {
  auto application = application_of(options.files);
  if (!application) return complain(application.error());
  const std::string directory = options.state_directory.empty()
                                    ? default_state_directory(application->name)
                                    : options.state_directory;
  {
    io::Reactor reactor;
    io::PosixDisk disk(reactor);
    if (auto made = disk.make_directory(directory); !made) return complain(made.error());
  }
  auto lock = io::lock_directory(directory);
  if (!lock)
    return refuse(
        fmt::format("another polis run has {}: stop that one, or choose another "
                    "--state-dir",
                    directory));
  auto program = io::PlacedProgram::place(directory, "polis-shim", agent::embedded_shim());
  if (!program) return complain(program.error());
  char resolved[4096];
  if (::realpath(directory.c_str(), resolved) == nullptr)
    return refuse(fmt::format("{} is not there any more", directory));
  return LocalRun(options, resolved, program->path()).run(*application);
}

}  // namespace

void add_run_command(CLI::App& app, Run& run) {
  auto* command =
      app.add_subcommand("run", "Run an application's services on this machine, without a cell");
  command->footer(
      "Examples:\n"
      "  polis run shop.yaml               # ^C stops everything, in the reverse order\n"
      "  polis run shop.yaml --state-dir /srv/shop\n"
      "Started again with the same files after a kill, it finds its instances and goes on; they "
      "notice nothing. On SIGHUP it reads the files again.");
  auto options = std::make_shared<RunOptions>();
  command->add_option("FILE", options->files, "application files; all of one application")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("--state-dir", options->state_directory,
                   "where ports, volumes, logs and what runs are kept (default: "
                   "~/.local/state/polis/run/APPLICATION; for root /var/lib/polis/run/APPLICATION)")
      ->type_name("DIR");
  command->callback([=, &run] { run = [=] { return run_files(*options); }; });
}

}  // namespace polis::cli
