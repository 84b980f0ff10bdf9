#pragma once

// SHA-256 (FIPS 180-4): what names content that must not change, such as a release or a file.
//
// Threads: one object at a time.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace polis {

// add() any number of times, then finish() once.
class Sha256 {
 public:
  using Digest = std::array<std::uint8_t, 32>;

  void add(std::string_view bytes);
  Digest finish();

 private:
  void block(const std::uint8_t* bytes);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> pending_{};  // the first total_ % 64 bytes wait for a whole block
  std::uint64_t total_ = 0;                 // bytes so far
};

// 64 digits, lower case.
std::string sha256_hex(std::string_view bytes);

}  // namespace polis
