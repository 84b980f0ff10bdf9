#pragma once

// etcdserverpb.Lease. Grant and revoke go through the log; the master answers renewals and
// remaining times.
//
// Threads: the loop's. Life: the constructor adds the methods to the server; outlives the server's
// calls.

#include "base/random.hh"
#include "etcd/common.hh"

namespace polis::etcd {

class LeaseService {
 public:
  // `seed`: for drawing the ids of leases for which clients choose none; another one in each
  // process.
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
