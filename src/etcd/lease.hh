#pragma once

// etcdserverpb.Lease: grant and revoke through the log; renewals and remaining times from the
// master.
//
// Threads: the reactor's.

#include "base/random.hh"
#include "etcd/common.hh"

namespace polis::etcd {

class LeaseService {
 public:
  // `seed`: of the ids of leases whose clients choose none.
  LeaseService(Context context, http::Server& server, std::uint64_t seed);

 private:
  void on_grant(const http::CallPtr& call, std::string_view request);
  void on_revoke(const http::CallPtr& call, std::string_view request);
  void on_keep_alive(const http::CallPtr& call);
  void on_time_to_live(const http::CallPtr& call, std::string_view request);
  void on_list(const http::CallPtr& call);
  Context context_;
  Random ids_;
};

}  // namespace polis::etcd
