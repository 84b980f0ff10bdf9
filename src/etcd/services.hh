#pragma once

// All services of etcd's API on one server. Real and simulated replicas use this same class.
//
// Threads: the loop's. Life: outlives the server's calls; the replica outlives it.

#include "etcd/auth.hh"
#include "etcd/cluster.hh"
#include "etcd/election.hh"
#include "etcd/inner_calls.hh"
#include "etcd/kv.hh"
#include "etcd/leader_guard.hh"
#include "etcd/lease.hh"
#include "etcd/lock.hh"
#include "etcd/maintenance.hh"
#include "etcd/range_stream.hh"
#include "etcd/watch.hh"

namespace polis::etcd {

struct ServicesOptions {
  std::uint64_t cell_id = 0;
  std::uint64_t member_id = 0;
  // How many bytes of answers one stream may hold unread (ServerOptions::call_queue_bytes).
  std::size_t call_queue_bytes = 0;
  // After this time without a master, calls that require one are ended (LeaderGuard).
  Duration leader_patience{};
  // How often a watch that asked for progress gets it (WatchService).
  Duration watch_progress_interval{};
  ClusterService::WrongPeer wrong_peer;
  // For drawing the ids of leases; another one in each process (LeaseService).
  std::uint64_t seed = 0;
};

class Services {
 public:
  Services(const ServicesOptions& options, replica::Replica& replica, http::Server& server,
           io::Loop& loop, const storage::Engine& engine);

  // Call it at the end of every turn, after the replica's turn_end and before the server's.
  void turn_end();
  // As replica::Environment::store_replaced.
  void on_store_replaced();

  const Context& context() const { return context_; }
  const WatchService& watch() const { return watch_; }

 private:
  LongReads long_reads_;
  Context context_;
  LeaderGuard leader_guard_;
  KvService kv_;
  RangeStreamService range_stream_;
  AuthService auth_;
  WatchService watch_;
  LeaseService lease_;
  ClusterService cluster_;
  MaintenanceService maintenance_;
  InnerCalls inner_calls_;
  LockService lock_;
  ElectionService election_;
};

}  // namespace polis::etcd
