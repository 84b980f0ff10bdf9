#pragma once

// All services of etcd's API on one server, as a replica offers them: built together, served
// together at the end of each turn, and the same in a real replica and in a simulated one.
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
  // Answers that one stream may hold unread (ServerOptions::call_queue_bytes).
  std::size_t call_queue_bytes = 0;
  // How long calls that require a master wait for one.
  Duration leader_patience{};
  Duration watch_progress_interval{};
  // Of the ids of leases whose clients choose none; another one in each process.
  std::uint64_t seed = 0;
};

class Services {
 public:
  Services(const ServicesOptions& options, replica::Replica& replica, http::Server& server,
           io::Loop& loop, const storage::Engine& engine);

  // At the end of every turn: after the replica's, before the server's.
  void turn_end();
  // The store has got another state (replica::Environment).
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
