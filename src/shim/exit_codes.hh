#pragma once

// What polis-shim ends with if it can serve no agent. DO NOT CHANGE: agents of other releases read
// them.

namespace polis::shim {

enum ExitCode : int {
  kLocked = 65,    // another shim serves this directory
  kHopeless = 66,  // no directory, no lock or no socket; standard error says why
};

}  // namespace polis::shim
