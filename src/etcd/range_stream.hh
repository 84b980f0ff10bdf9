#pragma once

// etcdserverpb.KV/RangeStream: a range of keys in several messages of one revision, so that neither
// side must hold a large answer whole. All messages together are the answer of Range: the keys in
// their order; only the last message has the header, `more` and `count`.
//
// Threads: the loop's. Life: outlives the server's calls.

#include <set>

#include "etcd/common.hh"
#include "io/loop.hh"
#include "io/reactor.hh"
#include "store/range.hh"

namespace polis::etcd {

// Bytes of keys and values in one message. The first message is small, so that it comes soon; each
// next one is twice as large, up to the maximum. A key with its value is never cut, so a message
// may be larger.
inline constexpr std::size_t kStreamChunkMin = 16 << 10;
inline constexpr std::size_t kStreamChunkMax = store::kRequestBytesMax;

class RangeStreamService {
 public:
  // While a client has not taken `queue_bytes_max` bytes of earlier messages, no further message is
  // made for it.
  RangeStreamService(Context context, http::Server& server, io::Loop& reactor,
                     std::size_t queue_bytes_max);
  ~RangeStreamService();
  // Call it before a snapshot replaces the store's state. Open streams end with an error; their
  // clients may ask again.
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
