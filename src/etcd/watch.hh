#pragma once

// etcdserverpb.Watch: many watches on one stream.
//
// Threads: the reactor's.

#include <map>
#include <set>

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

// Bytes that wait on one stream before it is ended for asking for more, and on all streams with
// more than kAnswersHeavy together. Events stop far below that; what is left are answers to
// creates, cancels and progress requests.
inline constexpr std::size_t kAnswersPerStreamMax = 8 << 20;
inline constexpr std::size_t kAnswersMax = 256 << 20;
inline constexpr std::size_t kAnswersHeavy = 1 << 20;

class WatchService {
 public:
  // `progress_interval`: how often a watch that asked for it is told how far it has come.
  WatchService(Context context, http::Server& server, io::Loop& reactor,
               std::size_t queue_bytes_max, Duration progress_interval);
  void turn_end();
  void on_store_replaced() { hub_.on_store_replaced(); }
  std::size_t watches() const { return hub_.size(); }
  void report(MetricSink& out) const;

 private:
  class Stream;
  void notify_progress();
  void answer_progress();
  bool has_room(Stream& stream);
  std::size_t heavy_bytes();
  Context context_;
  io::Loop& reactor_;
  std::size_t queue_bytes_max_;
  Duration progress_interval_;
  WatchHub hub_;
  // Owned by their calls, and taken out when those end.
  std::map<std::uint64_t, Stream*> asking_;  // for progress; by number
  std::set<Stream*> heavy_;
  std::uint64_t next_stream_ = 0;
  std::unique_ptr<io::Timer> progress_timer_;
};

}  // namespace polis::etcd
