#pragma once

// etcdserverpb.KV: Range, Put, DeleteRange, Txn, Compact.
//
// Answers that are large are read from the store while they are sent, and what takes long is read
// in slices (etcd/long_reads.hh).
//
// Threads: the reactor's. Life: outlives the server's calls.

#include <memory>
#include <set>

#include "etcd/common.hh"
#include "store/answer.hh"

namespace polis::etcd {

// The largest answer to a transaction or deletion, bytes. Larger ones are refused before they are
// proposed; one that grew after that is applied, and its answer is an error that says so.
inline constexpr std::uint64_t kTxnAnswerBytesMax = 1 << 30;

class KvService {
 public:
  KvService(Context context, http::Server& server);
  ~KvService();
  // The store has got another state. Answers that are being read from the old one are cut off:
  // their clients see an error and may ask again.
  void on_store_replaced();

 private:
  class AnswerSource;
  class AnswerJob;
  class TxnJob;
  using AnswerPtr = std::unique_ptr<store::Answer, store::AnswerDeleter>;
  // An answer on its way to a client.
  struct Delivery {
    http::CallPtr call;
    std::string bytes;  // the header
    AnswerPtr answer;
    std::string applied;  // what was changed before it is answered; empty: nothing
    std::uint64_t bytes_max;
  };

  void on_range(const http::CallPtr& call, std::string_view request);
  void on_txn(const http::CallPtr& call, std::string_view request);
  void on_delete(const http::CallPtr& call, std::string_view request);
  void change(store::CommandKind kind, const http::CallPtr& call, std::string_view request);
  // As change, for what was found to cost this much.
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
