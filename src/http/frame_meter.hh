#pragma once

// Finds peers that send mostly HTTP/2 frames without a request or a body. Such frames cost as much
// to read as others and lead to nothing.
//
// Each such frame takes one from a credit. Requests, bodies, answers that are sent, and time add to
// the credit. A connection whose peer has no credit left is ended (ENHANCE_YOUR_CALM).
//
// Threads: none of its own. Pure: time is handed in.

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/time.hh"

namespace polis::http {

class FrameMeter {
 public:
  // `preface_bytes`: how many bytes come before the first frame.
  explicit FrameMeter(std::size_t preface_bytes) : skip_(preface_bytes) {}

  // Looks at the bytes that have arrived next; frames may be cut anywhere. False: the credit is
  // used up.
  bool on_received(std::string_view bytes, Instant now);
  // This many bytes were sent to the peer, which answers them with WINDOW_UPDATE frames.
  void on_sent(std::size_t bytes) { earn(static_cast<std::int64_t>(bytes / kSentBytesPerFrame)); }
  std::int64_t credit() const { return credit_; }

  static constexpr std::int64_t kCreditMax = 20'000;
  static constexpr std::int64_t kCreditPerSecond = 1'000;
  // A request or a part of a body justifies this many other frames.
  static constexpr std::int64_t kCreditPerUsefulFrame = 4;
  static constexpr std::size_t kSentBytesPerFrame = 256;

 private:
  static constexpr std::size_t kFrameHeaderBytes = 9;
  void judge_frame();
  void earn(std::int64_t credit) { credit_ = std::min(credit_ + credit, kCreditMax); }

  std::uint64_t skip_;  // bytes until the next frame header
  std::uint8_t header_[kFrameHeaderBytes] = {};
  std::size_t header_at_ = 0;
  std::int64_t credit_ = kCreditMax;
  Instant earned_at_{};
};

}  // namespace polis::http
