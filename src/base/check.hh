#pragma once

// CHECK: a broken invariant of our own stops the process, in release builds too.
//
// A replica that continues past a broken invariant can spread damage to its peers; one that stops
// is a fault that the cell is built to survive. Never CHECK anything that came from outside: that
// is an Error.

#include <string>

namespace polis {

// Prints the failed condition with its place and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line,
                               const std::string& detail);

}  // namespace polis

#define CHECK(condition)                                         \
  do {                                                           \
    if (!(condition)) [[unlikely]]                               \
      ::polis::check_failed(#condition, __FILE__, __LINE__, {}); \
  } while (false)

// As CHECK, with a text that says what was seen.
#define CHECK_MSG(condition, detail)                                   \
  do {                                                                 \
    if (!(condition)) [[unlikely]]                                     \
      ::polis::check_failed(#condition, __FILE__, __LINE__, (detail)); \
  } while (false)
