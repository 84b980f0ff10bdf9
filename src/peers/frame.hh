#pragma once

// The bytes between replicas: a greeting, then frames. See docs/formats/peer.md.

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hh"
#include "consensus/options.hh"

namespace polis::peers {

// The oldest version of what is said here that this release understands. What is new since goes to
// the end of a greeting, where older releases do not look, or is not said before the cell version
// allows it (store/cell_version.hh).
inline constexpr std::uint32_t kPeerProtocol = 1;
inline constexpr std::size_t kFrameHeaderBytes = 8;
inline constexpr std::uint32_t kFrameBytesMax = 32 << 20;
// Of a first frame: who has not greeted yet may not make this replica keep more.
inline constexpr std::uint32_t kGreetingBytesMax = 64 << 10;

struct Greeting {
  std::uint32_t protocol = kPeerProtocol;
  std::uint64_t cell = 0;
  consensus::ReplicaId from, to;
  std::string name;            // of the sender
  std::string client_address;  // of the sender
  std::string version;
  bool blank = false;  // the sender remembers nothing: its log is empty and it never voted
  std::uint32_t cell_version = 1;  // the newest that the sender knows
  consensus::Protocol consensus = consensus::Protocol::kRaft;
  // The sender answers greetings, sends heartbeats where they are understood, and wants both.
  bool answers = false;
};

std::string encode(const Greeting& greeting);
std::optional<Greeting> decode_greeting(std::string_view bytes);

// The answer to a greeting that was accepted, for a peer that wants answers. Sent: DO NOT CHANGE.
inline constexpr std::string_view kAcceptedFrame = "\xfe";
// Sent on a connection that is otherwise silent, in both directions. Sent: DO NOT CHANGE.
inline constexpr std::string_view kHeartbeatFrame = "\xff";

// The answer to a greeting that is refused.
struct Refusal {
  // Sent: DO NOT CHANGE the numbers.
  // kMustJoin: the cell runs already and has a new member that has not started, and the one that is
  // refused tries to found it. Older releases take that for kOther.
  enum class Reason : std::uint8_t { kOther = 0, kNoMember = 1, kForgot = 2, kMustJoin = 3 };
  Reason reason = Reason::kOther;
  std::string text;
  std::string join;  // with kMustJoin: the client address of who refuses
};

std::string encode(const Refusal& refusal);
std::optional<Refusal> decode_refusal(std::string_view bytes);

// length u32 | crc32c u32 | bytes
void append_frame(std::string& out, std::string_view bytes);

// Cuts frames out of a stream of bytes.
class FrameReader {
 public:
  void add(std::string_view bytes) { buffer_ += bytes; }
  // The next whole frame, valid until the next call; nothing if there is none yet. kCorrupt: length
  // or checksum is wrong, or it has more than `bytes_max` bytes.
  Result<std::optional<std::string_view>> next(std::uint32_t bytes_max = kFrameBytesMax);

 private:
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace polis::peers
