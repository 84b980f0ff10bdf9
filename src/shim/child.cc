#include "shim/child.hh"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace polis::shim {
namespace {

constexpr mode_t kUmaskDefault = 022;
constexpr int kFirstListener = 3;  // sd_listen_fds(3)
// Descriptors that the child needs for a while are moved above those of its listeners.
constexpr int kMovedTo = kFirstListener + static_cast<int>(kListenersMax) + 8;
constexpr int kSignals = 64;

// Sent through the pipe if a step fails.
struct Told {
  std::uint32_t step;
  std::int32_t number;
};

[[noreturn]] void give_up(int outcome, Step step, int number) {
  const Told told{static_cast<std::uint32_t>(step), number};
  [[maybe_unused]] const ssize_t n = ::write(outcome, &told, sizeof told);
  ::_exit(127);
}

// Also 32 and 33, which libc keeps for itself and posix_spawn of glibc 2.36 leaves ignored.
void reset_signals() {
  struct {  // as the kernel has it
    void* handler;
    unsigned long flags;
    void* restorer;
    std::uint64_t mask;
  } action{};
  for (int number = 1; number <= kSignals; ++number)
    ::syscall(SYS_rt_sigaction, number, &action, nullptr, sizeof action.mask);
  const std::uint64_t none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

int set_rlimits(const Spec& spec) {
  int error = 0;
  for_each_field(spec.fields, kRlimit, [&error](const Field& field) {
    std::uint64_t resource = 0;
    rlimit limit{};
    FieldReader in(field.bytes);
    for (Field part; in.next(part);) {
      if (part.number == 1) resource = part.value;
      if (part.number == 2) limit.rlim_cur = part.value;
      if (part.number == 3) limit.rlim_max = part.value;
    }
    if (::prlimit(0, static_cast<__rlimit_resource>(resource), &limit, nullptr) != 0) error = errno;
  });
  return error;
}

void set_oom_score(const Spec& spec, int inherited) {
  const int score = spec.oom_score != 0 ? static_cast<int>(spec.oom_score) - 1001 : inherited;
  Line text;
  if (score < 0) text.add("-");
  text.add(static_cast<std::uint64_t>(score < 0 ? -score : score));
  write_small(AT_FDCWD, "/proc/self/oom_score_adj", text.view());
}

// The instance sees a directory of its own as /tmp, and nobody else sees that it does.
int set_private_tmp(const Spec& spec) {
  if (spec.private_tmp.empty()) return 0;
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0 ||
      ::mount(spec.private_tmp.data(), "/tmp", nullptr, MS_BIND, nullptr) != 0)
    return errno;
  return 0;
}

// By system calls: those of libc want to stop all threads of the parent.
int set_groups(const Spec& spec) {
  if (spec.group == 0 && spec.user_groups == 0) return 0;
  gid_t groups[kUserGroupsMax];
  std::size_t count = 0;
  for_each_field(spec.fields, kUserGroup, [&](const Field& field) {
    if (field.value > 0) groups[count++] = static_cast<gid_t>(field.value - 1);
  });
  if (::syscall(SYS_setgroups, count, groups) != 0) return errno;
  const auto group = static_cast<gid_t>(spec.group - 1);
  if (spec.group != 0 && ::syscall(SYS_setresgid, group, group, group) != 0) return errno;
  return 0;
}

int set_user(const Spec& spec) {
  const auto user = static_cast<uid_t>(spec.user - 1);
  if (spec.user != 0 && ::syscall(SYS_setresuid, user, user, user) != 0) return errno;
  return 0;
}

// Standard input, output, error, and the listeners from 3 on; the rest is closed by exec.
void set_descriptors(const Birth& birth) {
  const int nothing = ::open("/dev/null", O_RDONLY);
  const int output = ::fcntl(birth.output, F_DUPFD, kMovedTo);
  ::dup2(nothing, 0);
  ::dup2(output, 1);
  ::dup2(output, 2);
  const std::size_t count = birth.listeners != nullptr ? birth.listeners->count() : 0;
  int moved[kListenersMax];
  for (std::size_t i = 0; i < count; ++i)
    moved[i] = ::fcntl(birth.listeners->descriptor(i), F_DUPFD, kMovedTo);
  for (std::size_t i = 0; i < count; ++i) ::dup2(moved[i], kFirstListener + static_cast<int>(i));
  close_on_exec_from(static_cast<unsigned>(kFirstListener) + static_cast<unsigned>(count));
}

class Strings {
 public:
  void add(const char* string) { all_[count_++] = const_cast<char*>(string); }
  void add_all(std::string_view fields, std::uint32_t number) {
    for_each_field(fields, number, [this](const Field& field) { add(field.bytes.data()); });
  }
  char* const* all() { return all_; }

 private:
  // Ends with a nullptr, and has room for what the shim adds.
  char* all_[kEnvironmentMax + 8] = {};
  std::size_t count_ = 0;
};
static_assert(kWordsMax <= kEnvironmentMax);

[[noreturn]] void execute(const Birth& birth, int outcome) {
  // Only the child touches their memory.
  static Strings words, environment;
  words.add_all(birth.spec.fields, birth.list);
  environment.add_all(birth.spec.fields, kEnvironment);
  Line listen_pid, listen_count, main_pid;
  if (birth.notify[0] != 0) environment.add(birth.notify);
  if (birth.listeners != nullptr && birth.listeners->count() > 0) {
    listen_pid.add("LISTEN_PID=").add(static_cast<std::uint64_t>(::getpid()));
    listen_count.add("LISTEN_FDS=").add(birth.listeners->count());
    environment.add(listen_pid.c_str());
    environment.add(listen_count.c_str());
    environment.add(birth.listeners->names());
  }
  if (birth.main > 0)
    environment.add(main_pid.add("MAINPID=").add(static_cast<std::uint64_t>(birth.main)).c_str());
  ::execve(words.all()[0], words.all(), environment.all());
  give_up(outcome, Step::kExec, errno);
}

void check(int outcome, Step step, int number) {
  if (number != 0) give_up(outcome, step, number);
}

[[noreturn]] void become(const Birth& birth, int go, int outcome, pid_t shim) {
  char byte;
  // Without a word from the shim there is no shim any more.
  if (::read(go, &byte, 1) != 1) ::_exit(127);
  outcome = ::fcntl(outcome, F_DUPFD_CLOEXEC, kMovedTo + static_cast<int>(kListenersMax));
  check(outcome, Step::kSession, ::setsid() < 0 ? errno : 0);
  reset_signals();
  set_descriptors(birth);  // before a limit of theirs
  const Spec& spec = birth.spec;
  ::umask(spec.umask != 0 ? static_cast<mode_t>(spec.umask - 1) : kUmaskDefault);
  set_oom_score(spec, birth.oom_score);
  check(outcome, Step::kRlimit, set_rlimits(spec));
  check(outcome, Step::kPrivateTmp, set_private_tmp(spec));
  check(outcome, Step::kGroups, set_groups(spec));
  check(outcome, Step::kUser, set_user(spec));
  if (spec.no_new_privileges != 0)
    check(outcome, Step::kNoNewPrivileges,
          ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? errno : 0);
  // Behind the change of the user, which would forget it.
  if (spec.exclusive != 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != shim) ::_exit(127);
  }
  check(outcome, Step::kDirectory,
        ::chdir(spec.directory.empty() ? "/" : spec.directory.data()) != 0 ? errno : 0);
  execute(birth, outcome);
}

}  // namespace

Failure Child::fork(const Birth& birth, int group) {
  int go[2], outcome[2];
  if (::pipe2(go, O_CLOEXEC) != 0) return {Step::kFork, errno, {}};
  const Descriptor go_read(go[0]);
  go_.reset(go[1]);
  if (::pipe2(outcome, O_CLOEXEC | O_NONBLOCK) != 0) return {Step::kFork, errno, {}};
  outcome_.reset(outcome[0]);
  const Descriptor outcome_write(outcome[1]);
  const pid_t shim = ::getpid();
  pid_ = fork_into(group);
  if (pid_ == 0) {
    go_.reset();
    become(birth, go[0], outcome[1], shim);
  }
  return pid_ > 0 ? Failure{} : Failure{Step::kFork, errno, {}};
}

void Child::go() {
  [[maybe_unused]] const ssize_t n = ::write(go_.get(), "g", 1);
  go_.reset();
}

Failure Child::result() {
  Told told{};
  const ssize_t n = ::read(outcome_.get(), &told, sizeof told);
  outcome_.reset();
  if (n != static_cast<ssize_t>(sizeof told)) return {};
  return {static_cast<Step>(told.step), told.number, {}};
}

}  // namespace polis::shim
