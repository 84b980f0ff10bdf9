#pragma once

// The limit on files and sockets that this process may have open at one time.
//
// Threads: any; raise the limit before other code reads it.

#include <cstdint>

namespace polis::io {

struct DescriptorLimit {
  std::uint64_t before = 0;     // the soft limit that the process was started with
  std::uint64_t in_effect = 0;  // the soft limit now
  std::uint64_t hard = 0;       // the soft limit can be raised to this by the process itself
};

// Raises the soft limit of RLIMIT_NOFILE to `wanted`, or as far as the hard limit allows. A limit
// that is higher already stays as it is.
DescriptorLimit raise_descriptor_limit(std::uint64_t wanted);

}  // namespace polis::io
