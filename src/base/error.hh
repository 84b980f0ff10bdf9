#pragma once

// Errors that are expected, such as bad input, a peer that is gone, or a full disk. A function that
// can meet such an error returns a Result.
//
// Threads: plain values.

#include <expected>
#include <string>
#include <utility>

namespace polis {

// There is a code only where some caller reacts to it in a way of its own; everything else is in
// the text.
enum class ErrorCode {
  kInvalid,      // the input is wrong and will stay wrong
  kNotFound,     // the thing that was asked for does not exist
  kCorrupt,      // stored bytes fail their checksum or contradict each other
  kNoSpace,      // the disk is full; writes may work again later
  kUnavailable,  // not possible now; nothing was done; trying again may help
  kExists,       // the thing that should be made exists already, or the name is taken
  kBehind,       // not possible now: a replica that must take part has not caught up
  kNoQuorum,     // not possible now: the replicas that answer would be no quorum
  kUnknown,      // outcome unknown: it may or may not take effect
  kIo,           // a call of the operating system failed
};

struct Error {
  ErrorCode code = ErrorCode::kIo;
  std::string text;  // what was tried, on what, and what to do
};

template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string text) {
  return std::unexpected(Error{code, std::move(text)});
}

}  // namespace polis
