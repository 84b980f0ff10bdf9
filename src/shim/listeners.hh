#pragma once

// Listening sockets that the shim opens, holds, and hands to its instance as systemd does
// (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES; from descriptor 3 on). A shim that follows another one,
// with a new release of the same program, asks it for its sockets: no connection that waits in a
// queue is lost, since no listener is ever closed.
//
// For the shim's own program alone.
//
// Threads: the main one.

#include "shim/groups.hh"

namespace polis::shim {

class Listeners {
 public:
  // Takes from the predecessor what has the same name, opens the others.
  Failure open(const Spec& spec, State& state);
  std::size_t count() const { return count_; }
  int descriptor(std::size_t i) const { return sockets_[i].get(); }
  // LISTEN_FDNAMES=A:B, or empty.
  const char* names() const { return names_.c_str(); }
  // Sends all of them, with their names, to a successor on a connected unix socket.
  void hand_over(int connection) const;

 private:
  Failure inherit(const Spec& spec);
  void take_from(int connection);
  Failure open_one(const Field& field, State& state);

  Descriptor sockets_[kListenersMax];
  std::string_view name_[kListenersMax];  // in the spec
  std::size_t count_ = 0;
  Line names_;
  // What the predecessor gave, until open has ended.
  Descriptor given_[kListenersMax];
  Text given_names_[kListenersMax];
  std::size_t given_count_ = 0;
};

}  // namespace polis::shim
