#pragma once

// Which bundles of one replica have been applied: the newest number, and a bit for each number just
// before it. It exists because the network may deliver a forwarded bundle twice or late. It is
// replicated state, so that every replica decides alike.
//
// Threads: none of its own; the store owns it.
// Source: the anti-replay window of RFC 4303, 3.4.3.

#include <array>
#include <cstdint>
#include <string>

#include "base/coding.hh"

namespace polis::store {

class ReplayWindow {
 public:
  // How far bundles may overtake each other. A bundle whose number is this much below the newest
  // one is refused; the outcome is unknown to its client.
  static constexpr std::uint64_t kBundles = 1024;

  // True: apply the bundle; this is given once for each number of an incarnation. False: the bundle
  // was admitted before, is too old, or is of an earlier incarnation.
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
