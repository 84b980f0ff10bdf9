#pragma once

// Reading what somebody else wrote, and may not let us write: a file, a pipe, a device.
//
// Threads: any; blocks.

#include <cstddef>
#include <string>

#include "base/error.hh"

namespace polis::io {

// The first `bytes_max` bytes, or all if there are fewer. kNotFound, kIo.
Result<std::string> read_beginning(const std::string& path, std::size_t bytes_max);

}  // namespace polis::io
