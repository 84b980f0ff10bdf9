#pragma once

// etcdserverpb.Watch: many watches on one stream.
//
// Threads: the reactor's.

#include "etcd/common.hh"
#include "io/loop.hh"
#include "store/watch_hub.hh"

namespace polis::etcd {

using store::KeyRange;
using store::WatchHub;
using store::WatchSink;
using store::WatchSpec;

// Watches that one stream may hold.
inline constexpr std::size_t kWatchesPerStreamMax = 100'000;
// And all streams of one replica together, so that no client can take the memory of the others.
inline constexpr std::size_t kWatchesMax = 1'000'000;

class WatchService {
 public:
  // `progress_interval`: how often a watch that asked for it is told how far it has come.
  WatchService(Context context, http::Server& server, io::Loop& reactor,
               std::size_t queue_bytes_max, Duration progress_interval);
  void turn_end();
  void on_store_replaced() { hub_.on_store_replaced(); }
  std::size_t watches() const { return hub_.size(); }

 private:
  class Stream;
  void notify_progress();
  Context context_;
  io::Loop& reactor_;
  std::size_t queue_bytes_max_;
  Duration progress_interval_;
  WatchHub hub_;
  std::unique_ptr<io::Timer> progress_timer_;
};

}  // namespace polis::etcd
