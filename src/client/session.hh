#pragma once

// A session: a lease that is kept alive for as long as this process lives and reaches the cell.
// What hangs on the lease (keys, locks, offices) is there exactly as long.
//
//   Session session(client, loop, {.ttl = std::chrono::seconds(10)},
//                   {.opened = [&] { kv.put({.key = "agents/7", .lease = session.lease()}, ...); },
//                    .lost = [&](const Error& why) { /* stop what the session stood for */ }});
//
// The lease is renewed each third of its time to live, at whichever endpoint answers. The session
// counts its time from when a renewal was sent, less a bound for how far clocks drift apart, so it
// is over here before the cell ends the lease (client/keep_alive.hh). `lost` is told then, at the
// latest. A process that is stopped and goes on finds valid() false before `lost` has come.
//
// A session ends once: it is lost, or it is closed. Who wants to go on makes another one.
//
// What no session can give: that its holder does nothing after the end. The process may be stopped
// between its look at valid() and what it does. For that, see FencingToken (client/types.hh).
//
// Threads: the loop's.   Life: construct -> opened or lost -> lost or close -> destroy, also within
// a callback. Destroying one without close leaves the lease to end by itself, after its TTL. The
// client must outlive it, and it must outlive what stands on it (locks, elections).

#include <chrono>
#include <functional>
#include <memory>

#include "client/kv.hh"

namespace polis::client {

struct SessionOptions {
  // How long the lease lives without being renewed, 1 s or more. Short: others take over soon after
  // this process has died. Long: outages of the cell and of the network up to about two thirds of
  // it are survived. A change of masters takes half a second; 5 s is short.
  std::chrono::seconds ttl{10};
  // By how much the clocks of the replicas may run faster than this one, as a part of time; from 0
  // to below 1.
  double drift_max = 0.01;
  // How long to try to get the lease before the session is lost.
  Duration open_timeout = std::chrono::seconds(10);
};

struct SessionHandlers {
  // The lease is there. Once.
  std::function<void()> opened = {};
  // The session is over though nobody closed it; once, and nothing follows. kUnavailable: no lease
  // could be got in time. kNotFound: it may have ended at the cell, or has. Others: the cell
  // refused to grant one, with the codes of Kv. Locks and elections of this session were told
  // before.
  std::function<void(const Error&)> lost = {};
};

class Session {
 public:
  Session(Client& client, io::Loop& loop, SessionOptions options, SessionHandlers handlers);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // 0 before `opened`.
  LeaseId lease() const;
  // Whether the lease is certainly there at this moment; reads the clock.
  bool valid() const;
  // From then on valid() is false, unless a renewal is answered before. In the past: it is over.
  Instant valid_until() const;

  // Ends it now: valid() is false from here on, and the lease is revoked, with which its keys are
  // deleted. kDone: they are. Otherwise they go when the lease ends, at most a TTL after the last
  // renewal. `lost` does not come any more. Again, or after `lost`: kFailed with kInvalid.
  void close(std::function<void(Outcome<Nothing>)> done);

  // --- for what stands on a session

  // Calls `f` when the session is lost or closed, before `lost`; until what is given is destroyed.
  // Shared with nobody: the session looks at it weakly.
  using Ended = std::function<void(const Error&)>;
  [[nodiscard]] std::shared_ptr<Ended> on_end(Ended f);
  // Marks a key as used by one object on this session, since two would take each other's for their
  // own. False: it is used.
  bool reserve(const std::string& key);
  void unreserve(const std::string& key);
  // For calls of the session's objects that have to outlive them, such as letting go of a lock.
  Kv& kv();
  Client& client();
  io::Loop& loop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace polis::client
