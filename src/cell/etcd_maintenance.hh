#pragma once

// etcdserverpb.Maintenance: how this replica stands.
//
// Threads: the reactor's.

#include "cell/etcd_common.hh"
#include "storage/engine.hh"

namespace polis::cell {

class EtcdMaintenance {
 public:
  EtcdMaintenance(EtcdContext context, http::Server& server, const storage::Engine& engine);

 private:
  void on_status(const http::CallPtr& call);
  void on_alarm(const http::CallPtr& call, std::string_view request);
  void on_hash_kv(const http::CallPtr& call, std::string_view request);
  void on_move_leader(const http::CallPtr& call, std::string_view request);

  EtcdContext context_;
  const storage::Engine& engine_;
};

}  // namespace polis::cell
