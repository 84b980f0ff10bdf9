#pragma once

// The instance's notify socket (NOTIFY_SOCKET, sd_notify(3)): who sent a message is told by the
// system, and only processes of the instance are heard.
//
// It is a file of the instance's directory if its path is short enough and the instance runs as the
// shim's own user; otherwise a name in the abstract namespace, since another user reaches neither
// the directory nor those above it.
//
// For the shim's own program alone.
//
// Threads: the main one.

#include "shim/groups.hh"
#include "shim/notify_message.hh"

namespace polis::shim {

class Notify {
 public:
  // `directory`: the instance's, absolute.
  Failure open(const Spec& spec, std::string_view directory);
  int descriptor() const { return socket_.get(); }
  // NOTIFY_SOCKET=ADDRESS, or empty.
  const char* environment() const { return environment_.c_str(); }
  // Takes what has come. True: the state has changed.
  bool take(pid_t main, Nanoseconds now, State& state);

 private:
  bool heard(pid_t sender, pid_t main) const;

  Descriptor socket_;
  Line environment_;
  NotifyFrom from_ = NotifyFrom::kNobody;
};

}  // namespace polis::shim
