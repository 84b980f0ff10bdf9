#pragma once

// Calls that carry the metadata `hasleader: true` (WithRequireLeader of Go's client) do not wait
// while there is no master: they end with UNAVAILABLE "etcdserver: no leader", streams that stand
// included, so that their client tries another replica.
//
// A change of masters takes part of a second and is no reason to end anything: only a replica that
// has been without a master for longer than that ends such calls, and from then on it refuses new
// ones at once.
//
// Threads: the loop's. Life: outlives the server's calls.

#include <memory>
#include <vector>

#include "etcd/common.hh"
#include "io/loop.hh"

namespace polis::etcd {

class LeaderGuard {
 public:
  // `patience`: how long the cell may be without a master before such calls end.
  LeaderGuard(Context context, http::Server& server, io::Loop& loop, Duration patience);

 private:
  void tick();
  void watch_over(const http::CallPtr& call);
  bool without_master() const;

  Context context_;
  io::Loop& loop_;
  Duration patience_;
  Instant master_seen_;                                 // when a master was last known
  std::vector<std::weak_ptr<http::ServerCall>> calls_;  // owned by their connections
  std::size_t prune_at_;  // calls_ is looked through when it has grown to this size
  std::unique_ptr<io::Timer> timer_;
};

}  // namespace polis::etcd
