// Requests of clients: what is checked before it is proposed, and the log's state machine behind
// it.

#include "api/etcd/rpc.pb.h"
#include "store/parse.hh"
#include "store/record.hh"
#include "store/store.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace polis::store;
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto kind = static_cast<CommandKind>(1 + data[0] % kCommandKindLast);
  etcdserverpb::TxnRequest txn;
  if (kind == CommandKind::kTxn && validate(kind, bytes).ok() && parse(txn, bytes))
    (void)only_reads(txn);
  RangeQuery query;
  bool serializable;
  (void)parse_range(bytes, query, serializable);
  (void)parse_put(bytes);
  (void)parse_get(bytes);
  return 0;
}
