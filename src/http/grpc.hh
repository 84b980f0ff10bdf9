#pragma once

// What gRPC adds to HTTP/2: messages with their length before them, deadlines, and a status at the
// end.
//
// Threads: none of its own; the functions are pure.
// Source: "gRPC over HTTP2", the protocol's own description.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hh"

namespace polis::http {

// The gRPC codes that this folder itself uses. Other codes pass through as numbers.
enum class GrpcCode : int {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kResourceExhausted = 8,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
};

struct GrpcStatus {
  int code = 0;
  std::string message;
  // For a client's call. True: the server certainly did nothing, so the call may be sent again, to
  // any server. Either the server could not be reached, or it says so (REFUSED_STREAM, or a GOAWAY
  // before the stream; RFC 9113, section 8.7).
  bool refused = false;
  bool ok() const { return code == 0; }
};
inline GrpcStatus grpc_status(GrpcCode code, std::string message) {
  return {static_cast<int>(code), std::move(message)};
}

inline constexpr std::size_t kGrpcPrefixBytes = 5;
inline constexpr std::uint64_t kGrpcMessageMax = 0xffffffff;

// Appends the flag and the length that stand before a message of `length` bytes. Precondition:
// length <= kGrpcMessageMax.
void append_grpc_prefix(std::string& out, std::uint64_t length);

// How the messages of a call may be compressed; the field grpc-encoding says it.
enum class GrpcEncoding { kIdentity, kGzip };

// Collects messages from the bytes of a stream.
class GrpcReader {
 public:
  enum class Outcome {
    kMore,        // the next message is not complete
    kMessage,     // a message is complete
    kTooLarge,    // the message is longer than `message_max`, compressed or not
    kCompressed,  // the message is compressed, but the call has no encoding
    kCorrupt,     // the message is compressed, but cannot be decompressed
  };
  explicit GrpcReader(std::size_t message_max, GrpcEncoding encoding = GrpcEncoding::kIdentity)
      : message_max_(message_max), encoding_(encoding) {}

  void add(std::string_view bytes) { buffer_ += bytes; }
  // Takes the next message. kMessage: `message` is set, and valid until the next call.
  Outcome next(std::string_view& message);
  // What next() would say, without taking or decompressing the message.
  Outcome peek() const;
  bool empty() const { return at_ == buffer_.size(); }
  // How many bytes were added and do not belong to a message that was taken.
  std::size_t held() const { return buffer_.size() - at_; }
  // How many of them lie behind the next message; 0 if that is not complete.
  std::size_t held_behind_first() const;
  // Forgets everything.
  void clear();

 private:
  std::size_t length() const;  // of the next message; its prefix must be there

  std::size_t message_max_;
  GrpcEncoding encoding_;
  std::string buffer_, decompressed_;
  std::size_t at_ = 0;
};

// The value of grpc-timeout: up to 8 digits and a unit. nullopt: malformed.
std::optional<Duration> parse_grpc_timeout(std::string_view text);
std::string format_grpc_timeout(Duration timeout);

// The value of grpc-message, which is percent-encoded.
std::string percent_encode(std::string_view text);
std::string percent_decode(std::string_view text);

}  // namespace polis::http
