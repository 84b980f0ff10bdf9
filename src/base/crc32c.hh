#pragma once

// The checksum CRC32C (Castagnoli, RFC 3720 B.4). It uses the processor's instruction if there is
// one.
//
// Threads: pure functions, from any thread.

#include <cstdint>
#include <string_view>

namespace polis {

// The checksum of all bytes so far and `bytes`. `crc`: the checksum of the bytes so far; 0: there
// are none.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

// The table-driven version, for processors without the instruction; public so that a test can
// compare the two.
std::uint32_t crc32c_portable(std::string_view bytes, std::uint32_t crc = 0);

}  // namespace polis
