#pragma once

// Calls that have to end at some time. The owner asks often which ones are late.

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <vector>

#include "base/time.hh"
#include "http/methods.hh"

namespace polis::http {

class Deadlines {
 public:
  void add(ServerCall& call, Instant deadline) { calls_[&call] = deadline; }
  // Before the call is destroyed; fine if it was never added.
  void remove(ServerCall& call) { calls_.erase(&call); }
  // Ends those that are late.
  void expire(Instant now) {
    std::vector<CallPtr> late;
    for (const auto& [call, deadline] : calls_) {
      if (now >= deadline) late.push_back(call->shared_from_this());
    }
    for (const CallPtr& call : late)
      call->finish(grpc_status(GrpcCode::kDeadlineExceeded, "context deadline exceeded"));
  }

 private:
  absl::flat_hash_map<ServerCall*, Instant> calls_;
};

}  // namespace polis::http
