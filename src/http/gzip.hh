#pragma once

// Decompression of gzip, with a bound on what comes out.
//
// Pure. Source: RFC 1952; zlib 1.2.13.

#include <cstddef>
#include <string>
#include <string_view>

namespace polis::http {

enum class Gunzip { kDone, kTooLarge, kCorrupt };
// `out` is the content, if it is whole and no longer than `bytes_max`.
Gunzip gunzip(std::string_view compressed, std::size_t bytes_max, std::string& out);

}  // namespace polis::http
