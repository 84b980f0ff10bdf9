#include "http/frame_meter.hh"

#include <cstring>

namespace polis::http {
namespace {

// RFC 9113 section 6.
constexpr std::uint8_t kData = 0, kHeaders = 1, kEndStream = 1;

}  // namespace

void FrameMeter::judge_frame() {
  const std::uint32_t length = static_cast<std::uint32_t>(header_[0]) << 16 |
                               static_cast<std::uint32_t>(header_[1]) << 8 | header_[2];
  const std::uint8_t type = header_[3], flags = header_[4];
  const bool useful =
      type == kHeaders || (type == kData && (length > 0 || (flags & kEndStream) != 0));
  if (useful) {
    earn(kCreditPerUsefulFrame);
  } else {
    --credit_;
  }
  skip_ = length;
}

bool FrameMeter::on_received(std::string_view bytes, Instant now) {
  if (earned_at_ != Instant() && now > earned_at_) {
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now - earned_at_);
    const std::int64_t earned =
        std::min<std::int64_t>(passed.count(), 1'000'000) * kCreditPerSecond / 1000;
    if (earned > 0) {
      earn(earned);
      earned_at_ = now;
    }
  } else {
    earned_at_ = now;
  }
  while (!bytes.empty()) {
    if (skip_ > 0) {
      const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
      bytes.remove_prefix(n);
      skip_ -= n;
      continue;
    }
    if (header_at_ == 0 && bytes.size() >= kFrameHeaderBytes) {
      std::memcpy(header_, bytes.data(), kFrameHeaderBytes);
      bytes.remove_prefix(kFrameHeaderBytes);
      judge_frame();
      continue;
    }
    header_[header_at_++] = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    if (header_at_ < kFrameHeaderBytes) continue;
    header_at_ = 0;
    judge_frame();
  }
  return credit_ >= 0;
}

}  // namespace polis::http
