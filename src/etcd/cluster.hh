#pragma once

// etcdserverpb.Cluster: the list of members, and changes of members. It differs from etcd in one
// thing: a member that is added as a voter is a learner until it has caught up.
//
// Threads: the loop's. Life: the constructor adds the methods to the server; outlives the server's
// calls.

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
