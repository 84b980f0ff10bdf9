#include "io/descriptors.hh"

#include <sys/resource.h>

#include <algorithm>

#include "base/check.hh"

namespace polis::io {

DescriptorLimit raise_descriptor_limit(std::uint64_t wanted) {
  rlimit limit{};
  CHECK(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  DescriptorLimit result{limit.rlim_cur, limit.rlim_cur, limit.rlim_max};
  const rlim_t target = std::min<rlim_t>(wanted, limit.rlim_max);
  if (limit.rlim_cur >= target) return result;
  limit.rlim_cur = target;
  if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) result.in_effect = target;
  return result;
}

}  // namespace polis::io
