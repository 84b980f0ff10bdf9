#pragma once

// Errors that are expected: bad input, a peer gone, a full disk. Every function that can meet one
// returns Result.

#include <expected>
#include <string>
#include <utility>

namespace polis {

// A code exists only where some caller reacts to it differently; everything else is in the text.
enum class ErrorCode {
  kInvalid,      // the input is wrong and will stay wrong
  kNotFound,     // what was asked for is not there
  kCorrupt,      // stored bytes fail their checksum or contradict each other
  kNoSpace,      // the disk is full; writes may work again later
  kUnavailable,  // not now, nothing was done; trying again may help
  kExists,       // what is to be made, or to be taken, is there already
  kBehind,       // not now: who is to take part in it has not caught up
  kNoQuorum,     // not now: too few would be left that answer
  kUnknown,      // outcome unknown: it may or may not take effect
  kIo,           // the system refused
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
