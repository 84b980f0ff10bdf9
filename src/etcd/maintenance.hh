#pragma once

// etcdserverpb.Maintenance: Status, Alarm, HashKV and MoveLeader, as this replica sees its cell.
//
// Threads: the loop's. Life: the constructor adds the methods to the server; outlives the server's
// calls. `engine` must outlive it.

#include "etcd/common.hh"
#include "storage/engine.hh"

namespace polis::etcd {

class MaintenanceService {
 public:
  MaintenanceService(Context context, http::Server& server, const storage::Engine& engine);

 private:
  void on_status(const http::CallPtr& call);
  void on_alarm(const http::CallPtr& call, std::string_view request);
  void on_hash_kv(const http::CallPtr& call, std::string_view request);
  void on_move_leader(const http::CallPtr& call, std::string_view request);

  Context context_;
  const storage::Engine& engine_;
};

}  // namespace polis::etcd
