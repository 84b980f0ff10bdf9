#pragma once

// What the directory of an instance says when its shim does not: whether a shim serves it (the lock
// says that, and no process number does), and what the last one has recorded.
//
// Threads: any.

#include <optional>
#include <string>

#include "base/error.hh"
#include "shim/record.hh"

namespace polis::agent {

struct ShimDirectory {
  bool served = false;  // a shim holds the lock
  // Nothing: there is none, or it is damaged.
  std::optional<shim::Record> record;
  bool this_boot = false;  // the record is of this boot of the machine: its processes may be there
  // Not served, and the record does not say that it has ended: the shim was killed. Whatever of the
  // instance is left has nobody.
  bool abandoned() const {
    return !served && record && this_boot && record->state.phase != shim::Phase::kEnded;
  }
};

// kIo: the directory cannot be read.
Result<ShimDirectory> look(const std::string& directory);

}  // namespace polis::agent
