#pragma once

// Which commands of one origin have been applied: the newest sequence number, and a bit for each of
// those just before it. The network may deliver a forwarded bundle twice or late; state, so that
// every replica decides alike.
//
// Source: the anti-replay window of RFC 4303, 3.4.3.

#include <array>
#include <cstdint>
#include <string>

#include "base/coding.hh"

namespace polis::store {

class ReplayWindow {
 public:
  // Bundles that may overtake each other; one that is later than this is refused, its client learns
  // nothing.
  static constexpr std::uint64_t kBundles = 1024;

  // True once for each bundle number of an incarnation; false for one seen before or too old.
  bool admit(std::uint64_t incarnation, std::uint64_t bundle);

  void encode(std::string& out) const;
  bool decode(std::string_view bytes);

 private:
  bool& bit(std::uint64_t bundle) { return seen_[bundle % kBundles]; }
  std::uint64_t incarnation_ = 0;
  std::uint64_t newest_ = 0;  // 0: none yet; bundles are numbered from 1
  std::array<bool, kBundles> seen_{};
};

}  // namespace polis::store
