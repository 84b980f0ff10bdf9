#pragma once

// Which errors of reading the engine's state into a file are the end.

#include "base/error.hh"

namespace polis::replica {

// What is on disk is not to be trusted any more. Others, a full disk above all, may pass.
inline bool is_fatal(const Error& error) {
  return error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kIo;
}

}  // namespace polis::replica
