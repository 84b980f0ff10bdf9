#pragma once

// A session: a lease that is kept alive as long as this process lives and reaches the cell. What
// hangs on the lease (keys, locks, offices) exists exactly as long.
//
//   Session session(client, loop, {.ttl = std::chrono::seconds(10)},
//                   {.opened = [&] { kv.put({.key = "agents/7", .lease = session.lease()}, ...); },
//                    .lost = [&](const Error& why) { /* stop what the session stood for */ }});
//
// The lease is renewed after each third of its time to live (TTL), at any endpoint that answers.
// The session counts the time from when a renewal was sent, and subtracts a bound for the drift of
// clocks. So the session is over here before the cell ends the lease (client/keep_alive.hh), and
// `lost` is called at that moment at the latest. A process that was stopped and goes on finds
// valid() false even before `lost` is called.
//
// A session ends once: it is lost, or it is closed. To go on, make another session.
//
// A session cannot make sure that its holder does nothing after the end: the process may be stopped
// between asking valid() and acting. FencingToken (client/types.hh) is for that.
//
// Threads: the loop's.
// Life: construct -> opened or lost -> lost or close -> destroy, also within a callback. Destroying
// a session without close lets the lease end by itself, after its TTL. The client must outlive the
// session; the session must outlive what stands on it (locks, elections).

#include <chrono>
#include <functional>
#include <memory>

#include "client/kv.hh"

namespace polis::client {

struct SessionOptions {
  // How long the lease lives without a renewal, 1 s or more. Shorter: others take over sooner after
  // this process has died. Longer: the session survives longer outages of the cell and the network,
  // up to about two thirds of this. A change of the master takes half a second; 5 s is short.
  std::chrono::seconds ttl{10};
  // The replicas' clocks may run faster than this one by this fraction; from 0 to below 1.
  double drift_max = 0.01;
  // If the lease is not granted after this time, the session is lost.
  Duration open_timeout = std::chrono::seconds(10);
};

struct SessionHandlers {
  // The lease was granted. Called once at most.
  std::function<void()> opened = {};
  // The session is over though close was not called. Called once at most; no other callback
  // follows. kUnavailable: no lease was granted in time. kNotFound: the lease has ended at the
  // cell, or may have. Other codes: the cell refused to grant a lease; as for Kv. Locks and
  // elections of this session are told before.
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
  // Whether the lease certainly exists at this moment, by the clock, which is read now.
  bool valid() const;
  // From this time on valid() is false, unless a renewal is answered before. In the past: the
  // session is over.
  Instant valid_until() const;

  // Ends the session: from now on valid() is false, and `lost` is not called. The lease is revoked,
  // which deletes its keys. kDone: that has happened. Else it happens when the lease ends, at most
  // a TTL after the last renewal. kFailed with kInvalid: the session was closed or lost before.
  void close(std::function<void(Outcome<Nothing>)> done);

  // --- for what stands on a session

  // Calls `f` when the session is lost or closed, before `lost` is called. The caller owns the
  // result; when it is destroyed, `f` is not called any more.
  using Ended = std::function<void(const Error&)>;
  [[nodiscard]] std::shared_ptr<Ended> on_end(Ended f);
  // Reserves a key for one object on this session, because two objects with the same key would take
  // each other's key for their own. False: it is reserved already.
  bool reserve(const std::string& key);
  void unreserve(const std::string& key);
  // For calls that must outlive the object that makes them, such as letting go of a lock.
  Kv& kv();
  Client& client();
  io::Loop& loop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace polis::client
