#pragma once

// How much memory this process may use, and how much it does.
//
// Threads: any.

#include <cstdint>
#include <string>

namespace polis::io {

struct MemoryLimit {
  std::uint64_t bytes = 0;  // the smallest of all limits that hold
  std::string source;       // the file that says so, or "the machine's memory"
};

// The limits of this process's control group and of all groups around it (memory.max of version 2,
// memory.limit_in_bytes of version 1), and the machine's memory. `root`: where control groups are
// mounted; `self`: the file in which the system names those of this process.
MemoryLimit memory_limit(const std::string& root = "/sys/fs/cgroup",
                         const std::string& self = "/proc/self/cgroup");

// Bytes that only this process uses and that the system cannot take back: without files that are
// mapped. The allocator's free pages are part of it; see give_free_memory_back.
std::uint64_t memory_used();

// Gives the system what the allocator holds and nobody uses. Takes milliseconds.
void give_free_memory_back();

}  // namespace polis::io
