#pragma once

// The deadlines of open calls. The owner calls expire() about every 50 ms.
//
// Threads: the loop's.

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/time.hh"
#include "http/methods.hh"

namespace polis::http {

class Deadlines {
 public:
  void add(ServerCall& call, Instant deadline) { calls_[&call] = {deadline, ++added_}; }
  // Must be called before the call is destroyed; does nothing if the call was never added.
  void remove(ServerCall& call) { calls_.erase(&call); }
  // Ends the calls whose deadline has passed with DEADLINE_EXCEEDED, in the order in which they
  // were added.
  void expire(Instant now) {
    std::vector<std::pair<std::uint64_t, CallPtr>> late;
    for (const auto& [call, due] : calls_) {
      if (now >= due.when) late.emplace_back(due.number, call->shared_from_this());
    }
    std::sort(late.begin(), late.end());
    for (const auto& [number, call] : late)
      call->finish(grpc_status(GrpcCode::kDeadlineExceeded, "context deadline exceeded"));
  }

 private:
  struct Due {
    Instant when;
    std::uint64_t number;
  };
  absl::flat_hash_map<ServerCall*, Due> calls_;
  std::uint64_t added_ = 0;
};

}  // namespace polis::http
