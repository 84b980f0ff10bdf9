#pragma once

// etcdserverpb.Cluster and Maintenance: who takes part, and how this replica stands.
//
// Threads: the reactor's.

#include "cell/etcd_common.hh"
#include "cell/peer_links.hh"
#include "storage/engine.hh"

namespace polis::cell {

class EtcdMaintenance {
 public:
  EtcdMaintenance(EtcdContext context, http::Server& server, const std::vector<Peer>& members,
                  const PeerLinks& links, const storage::Engine& engine,
                  std::string client_address);

 private:
  void on_member_list(const http::CallPtr& call, std::string_view request);
  void list_members(const http::CallPtr& call);
  void on_status(const http::CallPtr& call);
  void on_alarm(const http::CallPtr& call, std::string_view request);
  void on_hash_kv(const http::CallPtr& call, std::string_view request);
  void on_move_leader(const http::CallPtr& call, std::string_view request);

  EtcdContext context_;
  const std::vector<Peer>& members_;
  const PeerLinks& links_;
  const storage::Engine& engine_;
  std::string client_address_;
};

}  // namespace polis::cell
