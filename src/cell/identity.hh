#pragma once

// The file that says whose data directory this is, and how often it was started. See
// docs/formats/identity.md.

#include <string>

#include "base/error.hh"
#include "cell/settings.hh"

namespace polis::cell {

// Checks the file or writes it anew, and gives this start's incarnation, larger than every one
// before. kInvalid: the directory belongs to another cell, another replica, or a newer version.
Result<std::uint64_t> claim_directory(const Settings& settings,
                                      std::uint64_t wall_clock_nanoseconds);

}  // namespace polis::cell
