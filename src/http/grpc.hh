#pragma once

// What gRPC adds to HTTP/2: length-prefixed messages, deadlines, and a status at the end.
// Source: "gRPC over HTTP2", the protocol's own description.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hh"

namespace polis::http {

// gRPC's codes that this layer itself gives; any other number passes through.
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
  // Of a client's call: certainly nothing was done of it, so it may be sent again, elsewhere. The
  // server could not be reached, or says so (REFUSED_STREAM, or a GOAWAY before the stream; RFC
  // 9113, section 8.7).
  bool refused = false;
  bool ok() const { return code == 0; }
};
inline GrpcStatus grpc_status(GrpcCode code, std::string message) {
  return {static_cast<int>(code), std::move(message)};
}

inline constexpr std::size_t kGrpcPrefixBytes = 5;
inline constexpr std::uint64_t kGrpcMessageMax = 0xffffffff;

// Flag and length before a message of `length` bytes.
void append_grpc_prefix(std::string& out, std::uint64_t length);

// How a call's messages may be compressed, as grpc-encoding says.
enum class GrpcEncoding { kIdentity, kGzip };

// Collects messages from the bytes of a stream.
class GrpcReader {
 public:
  enum class Outcome {
    kMore,
    kMessage,
    kTooLarge,    // longer than allowed, compressed or not
    kCompressed,  // though the call has no encoding
    kCorrupt,     // it says that it is compressed and cannot be decompressed
  };
  explicit GrpcReader(std::size_t message_max, GrpcEncoding encoding = GrpcEncoding::kIdentity)
      : message_max_(message_max), encoding_(encoding) {}

  void add(std::string_view bytes) { buffer_ += bytes; }
  // kMessage: `message` is the next one, valid until the next call.
  Outcome next(std::string_view& message);
  // As next, without taking it: kMessage if it is complete.
  Outcome peek() const;
  bool empty() const { return at_ == buffer_.size(); }
  // Bytes that were added and are in no message yet that was taken.
  std::size_t held() const { return buffer_.size() - at_; }
  // Bytes behind the first message.
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

// grpc-timeout: up to 8 digits and a unit.
std::optional<Duration> parse_grpc_timeout(std::string_view text);
std::string format_grpc_timeout(Duration timeout);

// grpc-message: percent-encoded.
std::string percent_encode(std::string_view text);
std::string percent_decode(std::string_view text);

}  // namespace polis::http
