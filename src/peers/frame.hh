#pragma once

// The bytes that replicas send each other: a greeting, then frames. See docs/formats/peer.md.
//
// Threads: none of its own; the functions are pure.

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hh"
#include "consensus/options.hh"

namespace polis::peers {

// The version of this protocol. It stays the same while older releases can read all that is sent to
// them: new fields go to the end of a greeting, where older releases do not look, and new messages
// are not sent before the cell version allows them (store/cell_version.hh).
inline constexpr std::uint32_t kPeerProtocol = 1;
inline constexpr std::size_t kFrameHeaderBytes = 8;
inline constexpr std::uint32_t kFrameBytesMax = 32 << 20;
// The longest first frame. A connection that has not greeted yet cannot make this replica keep more
// than this.
inline constexpr std::uint32_t kGreetingBytesMax = 64 << 10;

struct Greeting {
  std::uint32_t protocol = kPeerProtocol;
  std::uint64_t cell = 0;
  consensus::ReplicaId from, to;
  std::string name;            // of the sender
  std::string client_address;  // of the sender
  std::string version;
  bool blank = false;  // the sender has no memory: its log is empty and it has never voted
  std::uint32_t cell_version = 1;  // the newest cell version that the sender knows
  consensus::Protocol consensus = consensus::Protocol::kRaft;
  // The sender answers greetings, and sends heartbeats to peers that understand them; it expects
  // the same of the receiver.
  bool answers = false;
};

std::string encode(const Greeting& greeting);
// nullopt: the bytes are no greeting. Fields that the bytes do not have keep their defaults.
std::optional<Greeting> decode_greeting(std::string_view bytes);

// The answer to a greeting that was accepted, if Greeting::answers was set. Sent: DO NOT CHANGE.
inline constexpr std::string_view kAcceptedFrame = "\xfe";
// Sent in both directions on a connection that is otherwise silent. Sent: DO NOT CHANGE.
inline constexpr std::string_view kHeartbeatFrame = "\xff";

// The answer to a greeting that is refused.
struct Refusal {
  // Sent: DO NOT CHANGE the numbers.
  // kNoMember: the refused replica is no member. kForgot: it has taken part before and has lost its
  // memory. kMustJoin: it tries to found a cell that runs already and waits for a new member to
  // start; it should join. Older releases read kMustJoin as kOther.
  enum class Reason : std::uint8_t { kOther = 0, kNoMember = 1, kForgot = 2, kMustJoin = 3 };
  Reason reason = Reason::kOther;
  std::string text;  // the reason, for people
  std::string join;  // kMustJoin: a client address of the replica that refuses
};

std::string encode(const Refusal& refusal);
std::optional<Refusal> decode_refusal(std::string_view bytes);

// Appends one frame: length u32 | crc32c u32 | bytes. Precondition: at most kFrameBytesMax bytes.
void append_frame(std::string& out, std::string_view bytes);

// Cuts frames out of a stream of bytes.
class FrameReader {
 public:
  void add(std::string_view bytes) { buffer_ += bytes; }
  // Takes the next frame, valid until the next call of add or next. nullopt: no frame is complete
  // yet. kCorrupt: the checksum is wrong, or the frame has more than `bytes_max` bytes.
  Result<std::optional<std::string_view>> next(std::uint32_t bytes_max = kFrameBytesMax);

 private:
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace polis::peers
