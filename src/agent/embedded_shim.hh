#pragma once

// The program polis-shim, which this binary carries.
//
// Threads: any.

#include <string_view>

namespace polis::agent {

std::string_view embedded_shim();

}  // namespace polis::agent
