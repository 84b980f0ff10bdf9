#include "store/replay_window.hh"

namespace polis::store {

bool ReplayWindow::admit(std::uint64_t incarnation, std::uint64_t bundle) {
  if (bundle == 0) return false;
  if (incarnation != incarnation_) {
    // Incarnations rise: one that is smaller comes from a process that is gone, and nobody waits
    // for its answer.
    if (incarnation < incarnation_) return false;
    *this = ReplayWindow();
    incarnation_ = incarnation;
  }
  if (bundle > newest_) {
    if (bundle - newest_ >= kBundles) {
      seen_.fill(false);
    } else {
      for (std::uint64_t i = newest_ + 1; i < bundle; ++i) bit(i) = false;
    }
    newest_ = bundle;
    bit(bundle) = true;
    return true;
  }
  if (newest_ - bundle >= kBundles || bit(bundle)) return false;
  bit(bundle) = true;
  return true;
}

void ReplayWindow::encode(std::string& out) const {
  Writer writer(out);
  writer.u64(incarnation_);
  writer.u64(newest_);
  for (std::size_t i = 0; i < kBundles; i += 8) {
    std::uint8_t bits = 0;
    for (std::size_t j = 0; j < 8; ++j)
      bits = static_cast<std::uint8_t>(bits | (seen_[i + j] ? 1 << j : 0));
    writer.u8(bits);
  }
}

bool ReplayWindow::decode(std::string_view bytes) {
  Reader in(bytes);
  incarnation_ = in.u64();
  newest_ = in.u64();
  for (std::size_t i = 0; i < kBundles; i += 8) {
    std::uint8_t bits = in.u8();
    for (std::size_t j = 0; j < 8; ++j) seen_[i + j] = bits >> j & 1;
  }
  return in.done();
}

}  // namespace polis::store
