#pragma once

// Ends calls that require a master while this replica knows of none. Such calls carry the metadata
// `hasleader: true` (WithRequireLeader of Go's client). They end with UNAVAILABLE "etcdserver: no
// leader", open streams included, so that their client tries another replica.
//
// A normal change of the master takes a fraction of a second, and should end no call. So calls are
// ended only when this replica has known no master for longer than `patience`; from then on, new
// ones are refused at once.
//
// Threads: the loop's. Life: outlives the server's calls.

#include <memory>
#include <vector>

#include "etcd/common.hh"
#include "io/loop.hh"

namespace polis::etcd {

class LeaderGuard {
 public:
  // The constructor adds an interceptor to the server's methods.
  LeaderGuard(Context context, http::Server& server, io::Loop& loop, Duration patience);

 private:
  void tick();
  void watch_over(const http::CallPtr& call);
  bool without_master() const;

  Context context_;
  io::Loop& loop_;
  Duration patience_;
  Instant master_seen_;                                 // when a master was last known
  std::vector<std::weak_ptr<http::ServerCall>> calls_;  // that require a master
  std::size_t prune_at_;  // at this size, ended calls are removed from calls_
  std::unique_ptr<io::Timer> timer_;
};

}  // namespace polis::etcd
