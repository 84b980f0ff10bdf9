#pragma once

// etcdserverpb.KV: Range, Put, DeleteRange, Txn, Compact.
//
// A large answer is read from the store while it is sent. A read that takes long is made in slices
// (etcd/long_reads.hh). Transactions that only read, and ranges, are served by this replica; all
// other requests go through the log (replica/replica.hh).
//
// Threads: the loop's. Life: outlives the server's calls.

#include <memory>
#include <set>

#include "etcd/common.hh"
#include "store/answer.hh"

namespace polis::etcd {

// The largest answer to a transaction or deletion, bytes. A request whose answer would be larger is
// refused before it is proposed. If the answer has become larger when the request is applied, the
// changes are made and the client gets an error that says so.
inline constexpr std::uint64_t kTxnAnswerBytesMax = 1 << 30;

class KvService {
 public:
  KvService(Context context, http::Server& server);
  ~KvService();
  // Call it before a snapshot replaces the store's state. Answers that are being read from the old
  // state are cut off: their clients see an error and may ask again.
  void on_store_replaced();

 private:
  class AnswerSource;
  class AnswerJob;
  class TxnJob;
  using AnswerPtr = std::unique_ptr<store::Answer, store::AnswerDeleter>;
  // An answer that is being planned or sent.
  struct Delivery {
    http::CallPtr call;
    std::string bytes;  // the header, which comes before the answer
    AnswerPtr answer;
    std::string applied;      // says what was changed, for errors; empty: nothing was changed
    std::uint64_t bytes_max;  // the largest answer; a larger one ends in an error
  };

  void on_range(const http::CallPtr& call, std::string_view request);
  void on_txn(const http::CallPtr& call, std::string_view request);
  void on_delete(const http::CallPtr& call, std::string_view request);
  void change(store::CommandKind kind, const http::CallPtr& call, std::string_view request);
  // As change(), for a request whose cost was estimated.
  void submit(store::CommandKind kind, const http::CallPtr& call, std::string_view request,
              const store::CommandCost& cost);
  void serve_range(const http::CallPtr& call, store::RangeQuery query);
  void on_reply(const http::CallPtr& call, store::Reply reply, std::string_view changed);
  void plan_and_send(Delivery delivery);
  void send(Delivery& delivery);

  Context context_;
  std::set<AnswerSource*> sources_;  // alive; owned by their calls
};

}  // namespace polis::etcd
