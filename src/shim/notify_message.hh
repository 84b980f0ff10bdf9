#pragma once

// One datagram of the notify protocol (sd_notify(3)): lines NAME=VALUE. What daemons really send:
// READY may follow RELOADING and mean nothing; STOPPING may come without READY.
//
// Threads: any.

#include "shim/protocol.hh"

namespace polis::shim {

inline constexpr std::size_t kNotifyBytesMax = 4096;  // of a datagram; longer ones are cut off

struct NotifyMessage {
  bool ready = false;
  bool reloading = false;
  bool stopping = false;
  bool watchdog = false;
  bool has_status = false;
  std::string_view status;           // points into the message
  std::uint64_t extend_timeout = 0;  // microseconds
  std::uint64_t error = 0;           // an errno
};

// Lines that it does not know, or whose value is wrong, mean nothing.
NotifyMessage parse_notify(std::string_view message);

// Counts what it says into the state; `now`: nanoseconds of CLOCK_BOOTTIME.
void take_notify(const NotifyMessage& message, std::uint64_t now, State& state);

}  // namespace polis::shim
