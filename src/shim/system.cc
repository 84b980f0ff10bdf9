#include "shim/system.hh"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace polis::shim {
namespace {

constexpr int kDescriptorsLooked = 1024;  // where close_range is missing

// The digits of a number, from the end of `buffer`.
std::string_view digits(std::uint64_t number, char (&buffer)[20]) {
  std::size_t at = sizeof buffer;
  do {
    buffer[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  return {buffer + at, sizeof buffer - at};
}

std::uint64_t read_number(const char*& at, const char* end) {
  while (at < end && *at == ' ') ++at;
  if (at < end && *at == '-') ++at;  // -1 of a kernel thread's session is nobody's business
  std::uint64_t value = 0;
  for (; at < end && *at >= '0' && *at <= '9'; ++at)
    value = value * 10 + static_cast<std::uint64_t>(*at - '0');
  return value;
}

}  // namespace

Nanoseconds now() {
  timespec ts{};
  ::clock_gettime(CLOCK_BOOTTIME, &ts);
  return Nanoseconds{ts.tv_sec} * kSecond + ts.tv_nsec;
}

void Descriptor::reset(int number) {
  if (number_ >= 0) ::close(number_);
  number_ = number;
}

Line& Line::add(std::string_view text) {
  if (!good_ || text.size() >= sizeof bytes_ - size_) {
    good_ = false;
    bytes_[0] = 0;
    size_ = 0;
    return *this;
  }
  std::memcpy(bytes_ + size_, text.data(), text.size());
  size_ += text.size();
  bytes_[size_] = 0;
  return *this;
}

Line& Line::add(std::uint64_t number) {
  char buffer[20];
  return add(digits(number, buffer));
}

std::string_view read_small(int directory, const char* path, char* buffer, std::size_t capacity) {
  const Descriptor file(::openat(directory, path, O_RDONLY | O_CLOEXEC));
  if (!file.open()) return {};
  const ssize_t n = ::read(file.get(), buffer, capacity);
  return {buffer, n > 0 ? static_cast<std::size_t>(n) : 0};
}

int write_small(int directory, const char* path, std::string_view bytes) {
  const Descriptor file(::openat(directory, path, O_WRONLY | O_CLOEXEC));
  if (!file.open()) return errno;
  const ssize_t n = ::write(file.get(), bytes.data(), bytes.size());
  if (n < 0) return errno;
  return static_cast<std::size_t>(n) == bytes.size() ? 0 : EIO;
}

std::uint64_t number_after(std::string_view text, std::string_view name) {
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    const auto left = static_cast<std::size_t>(end - at);
    if (left > name.size() && std::memcmp(at, name.data(), name.size()) == 0 &&
        at[name.size()] == ' ') {
      at += name.size();
      return read_number(at, end);
    }
    const auto* newline = static_cast<const char*>(std::memchr(at, '\n', left));
    if (newline == nullptr) return 0;
    at = newline + 1;
  }
  return 0;
}

// proc(5): the second field is a name in parentheses that may hold anything.
bool process_facts(pid_t pid, ProcessFacts& facts) {
  char buffer[1024];
  Line path;
  path.add("/proc/").add(static_cast<std::uint64_t>(pid)).add("/stat");
  const std::string_view stat = read_small(AT_FDCWD, path.c_str(), buffer, sizeof buffer);
  const auto* name_end = static_cast<const char*>(::memrchr(stat.data(), ')', stat.size()));
  if (stat.empty() || name_end == nullptr) return false;
  const char* end = stat.data() + stat.size();
  const char* at = name_end + 1;
  while (at < end && *at == ' ') ++at;
  facts.state = at < end ? *at++ : '?';
  facts.parent = static_cast<pid_t>(read_number(at, end));
  read_number(at, end);  // the process group
  facts.session = static_cast<pid_t>(read_number(at, end));
  for (int field = 7; field < 22; ++field) read_number(at, end);
  facts.started = read_number(at, end);
  return true;
}

void say(std::string_view text, std::string_view about, int number) {
  Line line;
  line.add("polis-shim: ").add(text);
  if (!about.empty()) line.add(" ").add(about);
  if (number != 0) line.add(": error ").add(static_cast<std::uint64_t>(number));
  line.add("\n");
  [[maybe_unused]] const ssize_t n = ::write(2, line.c_str(), line.view().size());
}

pid_t fork_into(int group) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  if (group >= 0) {
    arguments.flags = kCloneIntoCgroup;
    arguments.cgroup = static_cast<std::uint64_t>(group);
  }
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  // A kernel, or a sandbox, that does not know the call.
  if (pid < 0 && (errno == ENOSYS || errno == EPERM) && group < 0) return ::fork();
  return pid;
}

void close_on_exec_from(unsigned first) {
  if (::syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  for (int fd = static_cast<int>(first); fd < kDescriptorsLooked; ++fd)
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

}  // namespace polis::shim
