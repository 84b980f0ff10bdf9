#pragma once

// CHECK stops the process when an invariant of our own code is broken, also in release builds.
//
// Threads: any.
//
// A replica that goes on after a broken invariant can spread damage to its peers; a replica that
// stops is a fault that the cell survives. Never CHECK anything that came from outside the process:
// return an Error for that.

#include <string>

namespace polis {

// Prints the condition, its place in the source and `detail` to standard error, and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line,
                               const std::string& detail);

}  // namespace polis

#define CHECK(condition)                                         \
  do {                                                           \
    if (!(condition)) [[unlikely]]                               \
      ::polis::check_failed(#condition, __FILE__, __LINE__, {}); \
  } while (false)

// As CHECK. `detail`: a string that says what was seen; computed only on failure.
#define CHECK_MSG(condition, detail)                                   \
  do {                                                                 \
    if (!(condition)) [[unlikely]]                                     \
      ::polis::check_failed(#condition, __FILE__, __LINE__, (detail)); \
  } while (false)
