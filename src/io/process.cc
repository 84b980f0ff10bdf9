#include "io/process.hh"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace polis::io {
namespace {

constexpr const char* kDescriptors = "/proc/self/fd";

// Linux 6.2 and later says it as the directory's size; before, all have to be counted.
std::uint64_t descriptors_open() {
  struct stat st;
  if (::stat(kDescriptors, &st) == 0 && st.st_size > 0)
    return static_cast<std::uint64_t>(st.st_size);
  DIR* directory = ::opendir(kDescriptors);
  if (directory == nullptr) return 0;
  std::uint64_t names = 0;
  while (::readdir(directory) != nullptr) ++names;
  ::closedir(directory);
  return names - 3;  // ".", "..", and the directory itself
}

double processor_seconds() {
  timespec used{};
  if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

// When the machine was started, seconds of the wall clock.
double booted() {
  std::ifstream in("/proc/stat");
  for (std::string word; in >> word;) {
    double seconds = 0;
    if (word == "btime" && in >> seconds) return seconds;
  }
  return 0;
}

}  // namespace

ProcessNumbers process_numbers() {
  ProcessNumbers numbers;
  numbers.processor_seconds = processor_seconds();
  numbers.descriptors_open = descriptors_open();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) numbers.descriptors_max = limit.rlim_cur;
  // proc(5): the second field is a name in parentheses, which may hold anything.
  std::ifstream in("/proc/self/stat");
  std::string line;
  std::getline(in, line);
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return numbers;
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double start_ticks = 0;
  std::uint64_t resident_pages = 0;
  fields >> start_ticks >> numbers.virtual_bytes >> resident_pages;
  numbers.resident_bytes = resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (const double boot = booted(); boot > 0)
    numbers.started = boot + start_ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return numbers;
}

}  // namespace polis::io
