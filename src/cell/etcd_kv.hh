#pragma once

// etcdserverpb.KV: Range, Put, DeleteRange, Txn, Compact.
//
// Threads: the reactor's. Life: outlives the server's calls.

#include <memory>
#include <set>

#include "cell/etcd_common.hh"
#include "store/range.hh"

namespace polis::cell {

class EtcdKv {
 public:
  EtcdKv(EtcdContext context, http::Server& server);
  ~EtcdKv();
  // Answers that are being read from the store end here, cut off; their clients see an error and
  // ask again.
  void on_store_replaced();

 private:
  class RangeSource;
  void on_range(const http::CallPtr& call, std::string_view request);
  void on_txn(const http::CallPtr& call, std::string_view request);
  void change(store::CommandKind kind, const http::CallPtr& call, std::string_view request);
  void serve_range(const http::CallPtr& call, store::RangeQuery query);

  EtcdContext context_;
  std::set<RangeSource*> sources_;  // alive; owned by their calls
};

}  // namespace polis::cell
