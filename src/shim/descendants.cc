#include "shim/descendants.hh"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "shim/system.hh"

namespace polis::shim {
namespace {

constexpr int kDepthMax = 256;      // of a process below the shim
constexpr int kStopRoundsMax = 32;  // more births than this in a row: kill what is known

// 0: not a number.
pid_t pid_of(const char* name) {
  pid_t pid = 0;
  for (; *name >= '0' && *name <= '9'; ++name) pid = pid * 10 + (*name - '0');
  return *name == 0 ? pid : 0;
}

// Calls f(pid) for each process of the machine.
template <typename F>
void for_each_process(F f) {
  const Descriptor directory(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  alignas(dirent64) char buffer[4096];
  long n;
  while (directory.open() &&
         (n = ::syscall(SYS_getdents64, directory.get(), buffer, sizeof buffer)) > 0) {
    for (long at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      if (const pid_t pid = pid_of(entry->d_name); pid > 0) f(pid);
      at += entry->d_reclen;
    }
  }
}

struct Seen {
  std::uint64_t alive = 0;
  std::uint64_t moving = 0;  // of these, not stopped
};

Seen signal_all(int number) {
  Seen seen;
  for_each_process([&seen, number](pid_t pid) {
    ProcessFacts facts;
    if (!is_descendant(pid) || !process_facts(pid, facts)) return;
    if (facts.state == 'Z' || facts.state == 'X') return;
    ++seen.alive;
    if (facts.state != 'T' && facts.state != 't') ++seen.moving;
    if (number != 0) ::kill(pid, number);
  });
  return seen;
}

}  // namespace

bool is_descendant(pid_t pid) {
  const pid_t self = ::getpid();
  ProcessFacts facts;
  for (int depth = 0; pid > 1 && depth < kDepthMax; ++depth, pid = facts.parent) {
    if (!process_facts(pid, facts)) return false;
    if (facts.parent == self) return true;
  }
  return false;
}

std::uint64_t signal_descendants(int number) { return signal_all(number).alive; }

void kill_descendants() {
  for (int round = 0; round < kStopRoundsMax && signal_all(SIGSTOP).moving > 0; ++round) {
  }
  signal_all(SIGKILL);
}

}  // namespace polis::shim
