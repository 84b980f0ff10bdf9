#include "base/check.hh"

#include <cstdio>
#include <cstdlib>

namespace polis {

void check_failed(const char* condition, const char* file, int line, const std::string& detail) {
  std::fprintf(stderr, "polis: internal invariant broken at %s:%d: %s%s%s\n", file, line, condition,
               detail.empty() ? "" : ": ", detail.c_str());
  std::abort();
}

}  // namespace polis
