#include "io/system_processes.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>

#include "base/check.hh"
#include "io/asio.hh"
#include "io/posix_disk.hh"

namespace polis::io {
namespace {

// glibc has functions for these from 2.36 on, and the binary runs with 2.35.
int pidfd_open(std::int64_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0U));
}
int pidfd_send_signal(int descriptor, int number) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, descriptor, number, nullptr, 0U));
}

// Field 22 of /proc/PID/stat. The second field is a name in parentheses that may hold anything.
std::optional<std::uint64_t> start_time(std::int64_t pid) {
  auto stat = read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) return std::nullopt;
  std::size_t at = stat->rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat->find(' ', at + 1);
  if (at == std::string::npos) return std::nullopt;
  std::uint64_t ticks = 0;
  auto [end, error] = std::from_chars(stat->data() + at + 1, stat->data() + stat->size(), ticks);
  if (error != std::errc()) return std::nullopt;
  return ticks;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> all;
  for (const std::string& word : words) all.push_back(const_cast<char*>(word.c_str()));
  all.push_back(nullptr);
  return all;
}

Result<void> check(const Command& command) {
  if (command.words.empty() || command.words.front().empty())
    return fail(ErrorCode::kInvalid, "a process needs a program to run");
  const bool relative = command.words.front().find('/') != std::string::npos &&
                        !command.words.front().starts_with('/');
  for (const std::string* name : {&command.directory, &command.input, &command.output}) {
    if (!name->empty() && !name->starts_with('/'))
      return fail(ErrorCode::kInvalid, fmt::format("cannot start {}: {} must be an absolute path",
                                                   command.words.front(), *name));
  }
  if (relative)
    return fail(ErrorCode::kInvalid,
                fmt::format("cannot start {}: name it by an absolute path, or without a slash to "
                            "find it in PATH",
                            command.words.front()));
  return {};
}

// What happens between the birth of the process and its program.
class Preparation {
 public:
  explicit Preparation(const Command& command) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    const std::string& input = command.input.empty() ? kNothing : command.input;
    ::posix_spawn_file_actions_addopen(&actions_, 0, input.c_str(), O_RDONLY, 0);
    if (!command.output.empty()) {
      ::posix_spawn_file_actions_addopen(&actions_, 1, command.output.c_str(),
                                         O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::posix_spawn_file_actions_adddup2(&actions_, 1, 2);
    }
    if (!command.directory.empty())
      ::posix_spawn_file_actions_addchdir_np(&actions_, command.directory.c_str());
    // Also what this process got from its own parent, which it never asked for.
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    // What this process ignores, SIGPIPE above all, a new program would ignore as well.
    sigset_t all, none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    if (command.own_session) flags |= POSIX_SPAWN_SETSID;
    ::posix_spawnattr_setflags(&attributes_, flags);
  }
  ~Preparation() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;

  // 0, or what the system says.
  int spawn(const Command& command, pid_t& pid) const {
    auto words = pointers(command.words);
    std::vector<char*> environment;
    if (command.environment) environment = pointers(*command.environment);
    return ::posix_spawnp(&pid, words.front(), &actions_, &attributes_, words.data(),
                          command.environment ? environment.data() : ::environ);
  }

 private:
  inline static const std::string kNothing = "/dev/null";
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

Ended how_it_ended(int descriptor) {
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(descriptor), &info, WEXITED | WNOHANG) != 0 ||
      info.si_pid == 0)
    return {};  // somebody else has asked before
  return info.si_code == CLD_EXITED ? Ended{Ended::How::kExited, info.si_status}
                                    : Ended{Ended::How::kKilled, info.si_status};
}

}  // namespace

class SystemProcesses::Watched {
 public:
  Watched(Reactor& reactor, int descriptor, const ProcessId& id, bool child, OnEnd on_end)
      : id_(id),
        child_(child),
        on_end_(std::move(on_end)),
        descriptor_(reactor.impl().context, descriptor) {}

  const ProcessId& id() const { return id_; }
  bool running() const { return running_; }
  void forget() { on_end_ = nullptr; }
  void wait(std::function<void()> gone) {
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                           [this, gone = std::move(gone)](ErrorCodeAsio error) {
                             if (error) return;  // destroyed
                             const Ended ended =
                                 child_ ? how_it_ended(descriptor_.native_handle()) : Ended{};
                             running_ = false;
                             auto on_end = std::move(on_end_);
                             gone();
                             if (on_end) on_end(ended);
                           });
  }
  Result<void> signal(int number) {
    if (running_ && pidfd_send_signal(descriptor_.native_handle(), number) == 0) return {};
    const int reason = running_ ? errno : ESRCH;
    return fail(reason == ESRCH ? ErrorCode::kNotFound : ErrorCode::kIo,
                fmt::format("cannot send signal {} to process {}: {}", number, id_.number,
                            reason == ESRCH ? "it has ended" : std::strerror(reason)));
  }

 private:
  ProcessId id_;
  bool child_;
  bool running_ = true;
  OnEnd on_end_;
  asio::posix::stream_descriptor descriptor_;
};

class SystemProcesses::Handle final : public Process {
 public:
  explicit Handle(std::shared_ptr<Watched> watched) : watched_(std::move(watched)) {}
  ~Handle() override { watched_->forget(); }
  ProcessId id() const override { return watched_->id(); }
  bool running() const override { return watched_->running(); }
  Result<void> signal(int number) override { return watched_->signal(number); }

 private:
  std::shared_ptr<Watched> watched_;  // shared with who waits for it, who may go first
};

SystemProcesses::~SystemProcesses() = default;

std::unique_ptr<Process> SystemProcesses::watch(int descriptor, const ProcessId& id, bool child,
                                                OnEnd on_end) {
  auto watched = std::make_shared<Watched>(reactor_, descriptor, id, child, std::move(on_end));
  watched_.insert(watched);
  watched->wait([this, weak = std::weak_ptr(watched)] { watched_.erase(weak.lock()); });
  return std::make_unique<Handle>(std::move(watched));
}

Result<std::unique_ptr<Process>> SystemProcesses::start(const Command& command, OnEnd on_end) {
  if (auto good = check(command); !good) return std::unexpected(good.error());
  pid_t pid = 0;
  if (const int reason = Preparation(command).spawn(command, pid); reason != 0) {
    return fail(reason == ENOENT || reason == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo,
                fmt::format("cannot start {}: {}{}", command.words.front(), std::strerror(reason),
                            reason == EACCES ? "; the user that runs polis needs permission to "
                                               "read and execute it, and to write its output"
                                             : ""));
  }
  // It is this process's child and nobody has waited for it: the number is still its own.
  const int descriptor = pidfd_open(pid);
  if (descriptor < 0) {
    const int reason = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return fail(ErrorCode::kIo,
                fmt::format("cannot watch {}: {}", command.words.front(), std::strerror(reason)));
  }
  return watch(descriptor, {pid, start_time(pid).value_or(0)}, true, std::move(on_end));
}

Result<std::unique_ptr<Process>> SystemProcesses::adopt(const ProcessId& id, OnEnd on_end) {
  const int descriptor = pidfd_open(id.number);
  const int reason = errno;
  // Read behind the opening: it is the start of whom the descriptor names, or of a later one.
  if (descriptor >= 0 && start_time(id.number) == id.started)
    return watch(descriptor, id, false, std::move(on_end));
  if (descriptor >= 0) ::close(descriptor);
  const bool gone = descriptor >= 0 || reason == ESRCH || reason == EINVAL;
  return fail(gone ? ErrorCode::kNotFound : ErrorCode::kIo,
              fmt::format("cannot watch process {}: {}", id.number,
                          gone ? "it has ended" : std::strerror(reason)));
}

}  // namespace polis::io
