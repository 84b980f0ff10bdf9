#pragma once

// Counts that the system keeps about this process.
//
// Threads: any.

#include <cstdint>

namespace polis::io {

struct ProcessNumbers {
  double processor_seconds = 0;      // of all threads, in user and in kernel mode
  std::uint64_t resident_bytes = 0;  // with pages of files that are mapped
  std::uint64_t virtual_bytes = 0;   // address space, used or not
  std::uint64_t descriptors_open = 0;
  std::uint64_t descriptors_max = 0;  // the soft limit
  double started = 0;                 // when the process started: seconds since 1970, UTC
};

// Reads the counts now. A count that cannot be read is 0.
ProcessNumbers process_numbers();

}  // namespace polis::io
