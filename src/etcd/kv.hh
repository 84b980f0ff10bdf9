#pragma once

// etcdserverpb.KV: Range, Put, DeleteRange, Txn, Compact.
//
// Threads: the reactor's. Life: outlives the server's calls.

#include <memory>
#include <set>

#include "etcd/common.hh"
#include "store/range.hh"

namespace polis::etcd {

class KvService {
 public:
  KvService(Context context, http::Server& server);
  ~KvService();
  // The store has got another state. Answers that are being read from the old one are cut off:
  // their clients see an error and may ask again.
  void on_store_replaced();

 private:
  class RangeSource;
  void on_range(const http::CallPtr& call, std::string_view request);
  void on_txn(const http::CallPtr& call, std::string_view request);
  void change(store::CommandKind kind, const http::CallPtr& call, std::string_view request);
  void serve_range(const http::CallPtr& call, store::RangeQuery query);

  Context context_;
  std::set<RangeSource*> sources_;  // alive; owned by their calls
};

}  // namespace polis::etcd
