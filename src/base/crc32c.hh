#pragma once

// CRC32C (Castagnoli, RFC 3720 B.4), with the processor's instruction where there is one.

#include <cstdint>
#include <string_view>

namespace polis {

// Continues `crc` (0 to begin) over `bytes`.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

// The table-driven version, for processors without the instruction; public so that a test can
// compare the two.
std::uint32_t crc32c_portable(std::string_view bytes, std::uint32_t crc = 0);

}  // namespace polis
