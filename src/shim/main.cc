// The program polis-shim: the small parent of one instance.
//
//   polis-shim DIRECTORY     runs what DIRECTORY/spec says (shim/spec.hh), and listens there for
//   its
//                            agent (shim/protocol.hh)
//
// It ends with 0 when its instance has ended and its agent knows, or has been away for long. It
// ends with kLocked or kHopeless, and a line on standard error, if it can serve no agent.

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "shim/exit_codes.hh"
#include "shim/instance.hh"

namespace polis::shim {
namespace {

// The bytes stay mapped; those of a file are memory of nobody. Empty: it cannot be read.
std::string_view map_spec() {
  const Descriptor file(::open(kSpecFile, O_RDONLY | O_CLOEXEC));
  struct stat st;
  if (!file.open() || ::fstat(file.get(), &st) != 0 || st.st_size <= 0) return {};
  const auto size = static_cast<std::size_t>(st.st_size);
  void* bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (bytes == MAP_FAILED) return {};
  return {static_cast<const char*>(bytes), size};
}

// Who asks whether the lock is held takes it for a moment.
constexpr int kLockTries = 10;
constexpr int kLockPauseMilliseconds = 5;

// The descriptor lives as long as the process, and no program that it runs gets it.
bool take_lock() {
  const int lock = ::open(kLockFile, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  for (int i = 0; lock >= 0 && i < kLockTries; ++i) {
    if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK) return false;
    ::poll(nullptr, 0, kLockPauseMilliseconds);
  }
  if (lock >= 0) errno = EWOULDBLOCK;
  return false;
}

// In memory that is there from the beginning: nothing is allocated.
alignas(Instance) char place[sizeof(Instance)];

int run(const char* directory) {
  if (::chdir(directory) != 0) {
    say("cannot enter", directory, errno);
    return kHopeless;
  }
  ::prctl(PR_SET_NAME, "polis-shim");
  if (!take_lock()) {
    const bool held = errno == EWOULDBLOCK;
    say(held ? "another shim serves" : "cannot take the lock of", directory, held ? 0 : errno);
    return held ? kLocked : kHopeless;
  }
  Spec spec;
  const SpecVerdict verdict = read_spec(map_spec(), spec);
  if (verdict != SpecVerdict::kGood) spec = {};
  auto* instance = new (place) Instance(spec, directory);
  if (const int error = instance->open(); error != 0) {
    say("cannot listen in", directory, error);
    return kHopeless;
  }
  if (verdict == SpecVerdict::kGood)
    instance->start();
  else
    instance->refuse(Step::kSpec, static_cast<int>(verdict), kSpecFile);
  instance->run();
  return 0;
}

}  // namespace
}  // namespace polis::shim

int main(int count, char** words) {
  if (count != 2 || words[1][0] != '/') {
    polis::shim::say("usage: polis-shim DIRECTORY (an absolute path)");
    return polis::shim::kHopeless;
  }
  return polis::shim::run(words[1]);
}
