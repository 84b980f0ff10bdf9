#pragma once

// The record: what a shim writes into its directory about its instance, for agents that come when
// the shim itself has gone. It is true only if the boot is the same one, or if it says that the
// instance has ended.
//
// The file has two slots that are written in turn, so that a write that is torn leaves the one
// before. All its blocks are there from the beginning: a full disk does not lose an exit status.
//
// Shared by the shim and the agent: no allocation, no exceptions, nothing of libstdc++'s runtime.
//
// Threads: any.

#include "shim/protocol.hh"

namespace polis::shim {

inline constexpr std::size_t kRecordSlot = 1024;  // bytes
inline constexpr std::size_t kRecordFileBytes = 2 * kRecordSlot;

struct Record {
  std::uint64_t sequence = 0;  // rises with each write; its parity is its slot
  Text boot;                   // /proc/sys/kernel/random/boot_id when it was written
  State state;
};

// Fills all of the slot.
void encode_record(const Record& record, char (&slot)[kRecordSlot]);
// The newest record of a file's bytes. False: it holds none.
bool newest_record(std::string_view file, Record& record);

}  // namespace polis::shim
