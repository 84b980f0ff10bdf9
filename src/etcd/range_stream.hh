#pragma once

// etcdserverpb.KV/RangeStream: a range of keys in several messages, all of one revision, so that
// neither side holds a large answer whole. What the messages hold, put together, is what Range
// answers: keys in their order, and in the last message alone the header, `more` and `count`.
//
// Threads: the reactor's. Life: outlives the server's calls.

#include <set>

#include "etcd/common.hh"
#include "io/loop.hh"
#include "io/reactor.hh"
#include "store/range.hh"

namespace polis::etcd {

// Bytes of keys and values in one message: the first is small, so that it comes soon, and each is
// twice as large as the one before, up to the largest request. One key and its value are not cut.
inline constexpr std::size_t kStreamChunkMin = 16 << 10;
inline constexpr std::size_t kStreamChunkMax = store::kRequestBytesMax;

class RangeStreamService {
 public:
  // No more than one message is made for a client that has not taken `queue_bytes_max` of earlier
  // ones.
  RangeStreamService(Context context, http::Server& server, io::Loop& reactor,
                     std::size_t queue_bytes_max);
  ~RangeStreamService();
  // Streams that are under way end with an error; their clients ask again.
  void on_store_replaced();

 private:
  class PlanJob;
  class Stream;
  void on_request(const std::shared_ptr<Stream>& stream, std::string_view request);

  Context context_;
  io::Loop& reactor_;
  std::size_t queue_bytes_max_;
  std::set<Stream*> streams_;  // alive; owned by their calls
};

}  // namespace polis::etcd
