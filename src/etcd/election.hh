#pragma once

// v3electionpb.Election: elections for clients that have no library for them. An election is a
// queue of keys (etcd/queue_claim.hh): the one whose key was made first is in office, and its value
// is what others see of it.
//
// Threads: the loop's.

#include "etcd/inner_calls.hh"

namespace polis::etcd {

class ElectionService {
 public:
  // `inner` outlives the server's calls. `queue_bytes_max`: of answers that an observer does not
  // read, before it is told no more.
  ElectionService(InnerCalls& inner, http::Server& server, std::size_t queue_bytes_max);

 private:
  void on_campaign(const http::CallPtr& call, std::string_view request);
  void on_proclaim(const http::CallPtr& call, std::string_view request);
  void on_leader(const http::CallPtr& call, std::string_view request);
  void on_observe(const http::CallPtr& call);
  void on_resign(const http::CallPtr& call, std::string_view request);
  InnerCalls& inner_;
  std::size_t queue_bytes_max_;
};

}  // namespace polis::etcd
