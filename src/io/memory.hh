#pragma once

// How much memory this process may use, and how much it uses.
//
// Threads: any.

#include <cstdint>
#include <string>

namespace polis::io {

struct MemoryLimit {
  std::uint64_t bytes = 0;  // the smallest of all limits that apply
  std::string source;       // the file that sets this limit, or "the machine's memory"
};

// The smallest of these: the limits of this process's control group and of all groups around it
// (memory.max of version 2, memory.limit_in_bytes of version 1), and the machine's memory. `root`:
// the directory at which control groups are mounted; `self`: the file in which the system names the
// groups of this process.
MemoryLimit memory_limit(const std::string& root = "/sys/fs/cgroup",
                         const std::string& self = "/proc/self/cgroup");

// How many bytes of memory belong to this process alone and cannot be taken back by the system.
// Mapped files do not count; free pages that the allocator holds do (see give_free_memory_back).
std::uint64_t memory_used();

// Gives the free pages that the allocator holds back to the system. Takes milliseconds.
void give_free_memory_back();

}  // namespace polis::io
