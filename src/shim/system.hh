#pragma once

// What the shim needs of the system, where libc has no function for it, or one that allocates.
// For the shim's own program alone.
//
// Threads: any.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/life.hh"

namespace polis::shim {

// CLOCK_BOOTTIME.
Nanoseconds now();

// Closes it at the end of the scope.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    reset(other.release());
    return *this;
  }
  int get() const { return number_; }
  bool open() const { return number_ >= 0; }
  int release() {
    const int number = number_;
    number_ = -1;
    return number;
  }
  void reset(int number = -1);

 private:
  int number_;
};

// A small buffer for a path or a line. What does not fit makes it bad, and open() of it fails.
class Line {
 public:
  Line& add(std::string_view text);
  Line& add(std::uint64_t number);
  const char* c_str() const { return bytes_; }  // "" if it is bad
  std::string_view view() const { return {bytes_, size_}; }
  bool good() const { return good_; }

 private:
  char bytes_[4096] = {};
  std::size_t size_ = 0;
  bool good_ = true;
};

// Reads up to `capacity` bytes of a file that is relative to `directory` (or AT_FDCWD). Nothing: it
// cannot be read.
std::string_view read_small(int directory, const char* path, char* buffer, std::size_t capacity);
// Opens, writes at once, closes. 0, or an errno.
int write_small(int directory, const char* path, std::string_view bytes);
// The number behind `name` and blanks at the beginning of a line, as in `memory.events`; 0: none.
std::uint64_t number_after(std::string_view text, std::string_view name);

struct ProcessFacts {
  pid_t parent = 0;
  pid_t session = 0;
  std::uint64_t started = 0;  // clock ticks since the boot
  char state = 0;
};
// False: there is no such process.
bool process_facts(pid_t pid, ProcessFacts& facts);

// A line on standard error, which is a file of the instance's directory.
void say(std::string_view text, std::string_view about = {}, int number = 0);

// System calls that libc 2.36 lacks, or that must not be those of its thread library.
constexpr std::uint64_t kCloneIntoCgroup = 0x200000000ULL;
// As fork; into the control group if `group` is a descriptor. -1: errno.
pid_t fork_into(int group);
// All descriptors from `first` on get the close-on-exec flag, or are closed where the kernel knows
// no such flag.
void close_on_exec_from(unsigned first);

}  // namespace polis::shim
