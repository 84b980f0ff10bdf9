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
  bool ok() const { return code == 0; }
};
inline GrpcStatus grpc_status(GrpcCode code, std::string message) {
  return {static_cast<int>(code), std::move(message)};
}

inline constexpr std::size_t kGrpcPrefixBytes = 5;
inline constexpr std::uint64_t kGrpcMessageMax = 0xffffffff;

// Flag and length before a message of `length` bytes.
void append_grpc_prefix(std::string& out, std::uint64_t length);

// Collects messages from the bytes of a stream.
class GrpcReader {
 public:
  enum class Outcome { kMore, kMessage, kTooLarge, kCompressed };
  explicit GrpcReader(std::size_t message_max) : message_max_(message_max) {}

  void add(std::string_view bytes) { buffer_ += bytes; }
  // kMessage: `message` is the next one, valid until the next call.
  Outcome next(std::string_view& message);
  bool empty() const { return at_ == buffer_.size(); }

 private:
  std::size_t message_max_;
  std::string buffer_;
  std::size_t at_ = 0;
};

// grpc-timeout: up to 8 digits and a unit.
std::optional<Duration> parse_grpc_timeout(std::string_view text);
std::string format_grpc_timeout(Duration timeout);

// grpc-message: percent-encoded.
std::string percent_encode(std::string_view text);
std::string percent_decode(std::string_view text);

}  // namespace polis::http
