#include "shim/groups.hh"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace polis::shim {
namespace {

constexpr Nanoseconds kEmptyPatience = 2 * kSecond;  // for leftovers of an earlier life
constexpr int kPauseMilliseconds = 2;
constexpr std::size_t kProcessesAtATime = 4096;  // bytes of cgroup.procs read in one step

Failure failure(Step step, int number, std::string_view what) {
  Failure failed{step, number, {}};
  failed.what.assign(what);
  return failed;
}

// Calls f(pid) for what is in the group now.
template <typename F>
void for_each_process(int directory, F f) {
  const Descriptor file(::openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC));
  char buffer[kProcessesAtATime];
  pid_t pid = 0;
  ssize_t n;
  while (file.open() && (n = ::read(file.get(), buffer, sizeof buffer)) > 0) {
    for (ssize_t i = 0; i < n; ++i) {
      if (buffer[i] != '\n') {
        pid = pid * 10 + (buffer[i] - '0');
        continue;
      }
      if (pid > 0) f(pid);
      pid = 0;
    }
  }
}

bool populated(int directory, GroupKind kind) {
  char buffer[256];
  if (kind == GroupKind::kUnified) {
    const std::string_view events = read_small(directory, "cgroup.events", buffer, sizeof buffer);
    if (!events.empty()) return number_after(events, "populated") != 0;
  }
  bool any = false;
  for_each_process(directory, [&any](pid_t) { any = true; });
  return any;
}

// v2 before Linux 5.14 has no cgroup.kill: what is frozen can neither fork nor flee.
void kill_in(int directory, GroupKind kind) {
  const bool unified = kind == GroupKind::kUnified;
  if (unified && write_small(directory, "cgroup.kill", "1") == 0) return;
  if (unified) write_small(directory, "cgroup.freeze", "1");
  for_each_process(directory, [](pid_t pid) { ::kill(pid, SIGKILL); });
  if (unified) write_small(directory, "cgroup.freeze", "0");
}

// Takes away the group of an earlier life. 0, or an errno; EBUSY: something cannot be killed.
int clear_away(const char* path, GroupKind kind) {
  const Nanoseconds until = now() + kEmptyPatience;
  for (;;) {
    if (::rmdir(path) == 0 || errno == ENOENT) return 0;
    if (errno != EBUSY || now() >= until) return errno;
    const Descriptor directory(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.open()) kill_in(directory.get(), kind);
    ::poll(nullptr, 0, kPauseMilliseconds);
  }
}

}  // namespace

Failure Groups::make(const Spec& spec, State& state) {
  Failure failed;
  for_each_field(spec.fields, kControlGroup, [&](const Field& field) {
    if (!failed) failed = make_one(field, state);
  });
  return failed;
}

Failure Groups::make_one(const Field& field, State& state) {
  Group& group = groups_[count_];
  for_each_field(field.bytes, kGroupPath, [&](const Field& path) { group.path = path.bytes; });
  for_each_field(field.bytes, kGroupKind,
                 [&](const Field& kind) { group.kind = static_cast<GroupKind>(kind.value); });
  if (!is_c_string(group.path)) return failure(Step::kGroup, EINVAL, "no path");
  const std::string_view name = without_zero(group.path);
  if (const int number = clear_away(group.path.data(), group.kind); number != 0)
    return failure(number == EBUSY ? Step::kGroupBusy : Step::kGroup, number, name);
  if (::mkdir(group.path.data(), 0755) != 0) return failure(Step::kGroup, errno, name);
  group.directory.reset(::open(group.path.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!group.directory.open()) return failure(Step::kGroup, errno, name);
  ++count_;
  kills_ = true;  // even v1's lists of processes hold the double-forked ones
  if (group.kind == GroupKind::kUnified)
    unified_.reset(::fcntl(group.directory.get(), F_DUPFD_CLOEXEC, 3));
  Failure failed;
  for_each_field(field.bytes, kSetting, [&](const Field& setting) {
    if (!failed) failed = set(group.directory.get(), setting, state);
  });
  return failed;
}

Failure Groups::set(int directory, const Field& setting, State& state) const {
  std::string_view file, value;
  bool optional = false;
  FieldReader in(setting.bytes);
  for (Field field; in.next(field);) {
    if (field.number == 1) file = field.bytes;
    if (field.number == 2) value = field.bytes;
    if (field.number == 3) optional = field.value != 0;
  }
  const int number = is_c_string(file) ? write_small(directory, file.data(), value) : EINVAL;
  if (number == 0) return {};
  if (!optional) return failure(Step::kSetting, number, file.empty() ? file : without_zero(file));
  if (state.settings_absent++ == 0) state.setting_absent.assign(without_zero(file));
  return {};
}

Failure Groups::attach(pid_t pid, bool born_in_unified) const {
  Line text;
  text.add(static_cast<std::uint64_t>(pid));
  for (std::size_t i = 0; i < count_; ++i) {
    if (born_in_unified && groups_[i].kind == GroupKind::kUnified) continue;
    const int number = write_small(groups_[i].directory.get(), "cgroup.procs", text.view());
    if (number != 0) return failure(Step::kAttach, number, without_zero(groups_[i].path));
  }
  return {};
}

void Groups::kill() const {
  for (std::size_t i = 0; i < count_; ++i) kill_in(groups_[i].directory.get(), groups_[i].kind);
}

bool Groups::signal(int number) const {
  for (std::size_t i = 0; i < count_ && i < 1; ++i)
    for_each_process(groups_[i].directory.get(), [number](pid_t pid) { ::kill(pid, number); });
  return count_ > 0;
}

bool Groups::empty() const {
  for (std::size_t i = 0; i < count_; ++i)
    if (populated(groups_[i].directory.get(), groups_[i].kind)) return false;
  return true;
}

std::uint64_t Groups::processes() const {
  std::uint64_t most = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    std::uint64_t here = 0;
    for_each_process(groups_[i].directory.get(), [&here](pid_t) { ++here; });
    if (here > most) most = here;
  }
  return most;
}

std::uint64_t Groups::oom_kills() const {
  char buffer[512];
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    const char* file =
        groups_[i].kind == GroupKind::kUnified ? "memory.events" : "memory.oom_control";
    all += number_after(read_small(groups_[i].directory.get(), file, buffer, sizeof buffer),
                        "oom_kill");
  }
  return all;
}

void Groups::remove() const {
  for (std::size_t i = 0; i < count_; ++i) ::rmdir(groups_[i].path.data());
}

}  // namespace polis::shim
