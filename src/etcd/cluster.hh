#pragma once

// etcdserverpb.Cluster: who takes part, and changes of it. Departs from etcd in one thing: a member
// that is added as a voter is a learner until it has caught up.
//
// Threads: the reactor's.

#include "etcd/common.hh"

namespace polis::etcd {

class ClusterService {
 public:
  ClusterService(Context context, http::Server& server);

 private:
  void on_list(const http::CallPtr& call, std::string_view request);
  void on_add(const http::CallPtr& call, std::string_view request);
  void on_remove(const http::CallPtr& call, std::string_view request);
  void on_update(const http::CallPtr& call, std::string_view request);
  void on_promote(const http::CallPtr& call, std::string_view request);

  Context context_;
};

}  // namespace polis::etcd
