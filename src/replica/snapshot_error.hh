#pragma once

// After which errors of writing a snapshot the replica must stop. Pure.

#include "base/error.hh"

namespace polis::replica {

// True: the engine's file is damaged or cannot be read, so the replica must stop. False: the error
// may pass, such as a full disk; try again later.
inline bool is_fatal(const Error& error) {
  return error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kIo;
}

}  // namespace polis::replica
