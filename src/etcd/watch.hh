#pragma once

// etcdserverpb.Watch: many watches on one stream. store/watch_hub.hh has their changes.
//
// Threads: the loop's. Life: the constructor adds the method to the server; outlives the server's
// calls.

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

// The largest number of watches on one stream, and on all streams of one replica together. Further
// watches are refused, so that no client can take the memory of the others.
inline constexpr std::size_t kWatchesPerStreamMax = 100'000;
inline constexpr std::size_t kWatchesMax = 1'000'000;

// If a client does not read, events stop soon, but answers to its creates, cancels and progress
// requests still collect. A stream that asks for more is ended (RESOURCE_EXHAUSTED) when it has
// more than kAnswersPerStreamMax bytes unread, or when all streams with more than kAnswersHeavy
// bytes have more than kAnswersMax together.
inline constexpr std::size_t kAnswersPerStreamMax = 8 << 20;
inline constexpr std::size_t kAnswersMax = 256 << 20;
inline constexpr std::size_t kAnswersHeavy = 1 << 20;

class WatchService {
 public:
  // `queue_bytes_max`: a stream with this many unread bytes gets no events. `progress_interval`:
  // how often a watch that asked for progress is told the revision through which it has got
  // everything, unless it got events meanwhile.
  WatchService(Context context, http::Server& server, io::Loop& reactor,
               std::size_t queue_bytes_max, Duration progress_interval);
  // Call it at the end of every turn.
  void turn_end();
  // As replica::Environment::store_replaced.
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
  // Streams are owned by their calls, and leave these when the call ends.
  std::map<std::uint64_t, Stream*> asking_;  // that have asked for progress; by number
  std::set<Stream*> heavy_;                  // with more than kAnswersHeavy bytes unread
  std::uint64_t next_stream_ = 0;
  std::unique_ptr<io::Timer> progress_timer_;
};

}  // namespace polis::etcd
