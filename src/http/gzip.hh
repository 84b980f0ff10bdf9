#pragma once

// Decompression of gzip, with a bound on the size of the result.
//
// Threads: pure functions, from any thread.
// Source: RFC 1952; zlib 1.2.13.

#include <cstddef>
#include <string>
#include <string_view>

namespace polis::http {

enum class Gunzip { kDone, kTooLarge, kCorrupt };
// kDone: `out` is the content. kTooLarge: the content has more than `bytes_max` bytes. kCorrupt:
// the input is cut short or damaged. `out` is of no use then.
Gunzip gunzip(std::string_view compressed, std::size_t bytes_max, std::string& out);

}  // namespace polis::http
