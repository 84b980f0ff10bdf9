#pragma once

// v3lockpb.Lock: locks for clients that have no library for them. A lock is a queue of keys
// (etcd/queue_claim.hh).
//
// Threads: the loop's.

#include "etcd/inner_calls.hh"

namespace polis::etcd {

class LockService {
 public:
  // `inner` outlives the server's calls.
  LockService(InnerCalls& inner, http::Server& server);

 private:
  void on_lock(const http::CallPtr& call, std::string_view request);
  void on_unlock(const http::CallPtr& call, std::string_view request);
  InnerCalls& inner_;
};

}  // namespace polis::etcd
