#pragma once

// The processes that stem from this one, where no control group holds them. Since the shim is a
// child subreaper, a process whose parent has ended becomes its child: nobody who was not given
// away before leaves the tree.
//
// For the shim's own program alone.
//
// Threads: the main one.

#include <sys/types.h>

#include <cstdint>

namespace polis::shim {

// Sends a signal to each of them. Returns how many there were, without those that have ended and
// wait for their parent.
std::uint64_t signal_descendants(int number);
// Stops them until no new ones appear, so that none can be born unseen, and kills them then.
void kill_descendants();
// Is it one of them?
bool is_descendant(pid_t pid);

}  // namespace polis::shim
