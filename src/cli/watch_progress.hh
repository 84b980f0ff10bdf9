#pragma once

// How far a watch has come, so that it can go on at another replica: each change is seen once, and
// what is missed is known. Pure.

#include <cstdint>
#include <string>

#include "api/etcd/rpc.pb.h"

namespace polis::cli {

class WatchProgress {
 public:
  // `start`: the first revision that was asked for; 0: the next one.
  explicit WatchProgress(std::int64_t start) : next_(start) {}

  // The request with which the watch goes on: from the first revision that has not been seen whole.
  etcdserverpb::WatchCreateRequest resume(etcdserverpb::WatchCreateRequest request);

  // Takes note of an answer, and takes out of it what has been seen before.
  void on_response(etcdserverpb::WatchResponse& response);

  // The revisions that cannot be seen any more, if the oldest that can is `compacted`; the watch
  // goes on behind them. "" if none was missed.
  std::string skip_to(std::int64_t compacted);

  // The first revision that is wanted; 0: whichever comes next.
  std::int64_t next() const { return next_; }

 private:
  std::int64_t next_ = 0;
  std::int64_t seen_of_next_ = 0;  // changes of that revision that were seen: it came in parts
  std::int64_t to_skip_ = 0;       // of those that come now: they were seen before
};

}  // namespace polis::cli
