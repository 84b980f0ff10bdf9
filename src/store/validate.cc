// What a request must fulfil before it is proposed: the log never carries one that every replica
// would have to refuse.

#include "api/etcd/rpc.pb.h"
#include "store/parse.hh"
#include "store/store.hh"

namespace polis::store {
namespace {

using namespace etcdserverpb;

Status validate_put(const PutView& put) {
  if (put.key.empty()) return status::empty_key();
  if (put.ignore_value && !put.value.empty()) return status::value_provided();
  if (put.ignore_lease && put.lease != 0) return status::lease_provided();
  return {};
}

Status validate_range(const RangeRequest& range) {
  if (range.key().empty()) return status::empty_key();
  if (!RangeRequest::SortOrder_IsValid(range.sort_order()) ||
      !RangeRequest::SortTarget_IsValid(range.sort_target())) {
    return status::invalid_sort();
  }
  return {};
}

// The keys and ranges that one path of a transaction writes; no key may be put twice, or put and
// deleted.
struct Writes {
  std::set<std::string> puts;
  std::vector<KeyRange> deletes;
};

Status merge(Writes& into, const Writes& from) {
  for (const std::string& key : from.puts) {
    if (!into.puts.insert(key).second) return status::duplicate_key();
    for (const KeyRange& range : into.deletes) {
      if (range.contains(key)) return status::duplicate_key();
    }
  }
  for (const KeyRange& range : from.deletes) {
    for (const std::string& key : into.puts) {
      if (range.contains(key)) return status::duplicate_key();
    }
    into.deletes.push_back(range);
  }
  return {};
}

Status validate_txn(const TxnRequest& txn, int depth, Writes& writes);

Status validate_branch(const google::protobuf::RepeatedPtrField<RequestOp>& ops, int depth,
                       Writes& writes) {
  for (const RequestOp& op : ops) {
    Status refused;
    Writes own;
    switch (op.request_case()) {
      case RequestOp::kRequestRange:
        refused = validate_range(op.request_range());
        break;
      case RequestOp::kRequestPut: {
        const PutRequest& put = op.request_put();
        refused = validate_put({put.key(), put.value(), put.lease(), put.prev_kv(),
                                put.ignore_value(), put.ignore_lease()});
        own.puts.insert(put.key());
        break;
      }
      case RequestOp::kRequestDeleteRange:
        if (op.request_delete_range().key().empty()) refused = status::empty_key();
        own.deletes.push_back(
            {op.request_delete_range().key(), op.request_delete_range().range_end()});
        break;
      case RequestOp::kRequestTxn:
        refused = validate_txn(op.request_txn(), depth + 1, own);
        break;
      case RequestOp::REQUEST_NOT_SET:
        refused = status::empty_key();
        break;
    }
    if (!refused.ok()) return refused;
    if (refused = merge(writes, own); !refused.ok()) return refused;
  }
  return {};
}

Status validate_txn(const TxnRequest& txn, int depth, Writes& writes) {
  if (depth > kTxnDepthMax || txn.compare_size() > kTxnOpsMax || txn.success_size() > kTxnOpsMax ||
      txn.failure_size() > kTxnOpsMax) {
    return status::too_many_ops();
  }
  for (const Compare& compare : txn.compare()) {
    if (compare.key().empty()) return status::empty_key();
  }
  Writes success, failure;
  if (Status refused = validate_branch(txn.success(), depth, success); !refused.ok())
    return refused;
  if (Status refused = validate_branch(txn.failure(), depth, failure); !refused.ok())
    return refused;
  // Only one of the two will run: each must be free of conflicts with what stands beside this
  // transaction.
  writes = std::move(success);
  writes.puts.merge(failure.puts);
  writes.deletes.insert(writes.deletes.end(), failure.deletes.begin(), failure.deletes.end());
  return {};
}

bool ops_only_read(const google::protobuf::RepeatedPtrField<RequestOp>& ops) {
  return std::all_of(ops.begin(), ops.end(), [](const RequestOp& op) {
    if (op.has_request_txn())
      return ops_only_read(op.request_txn().success()) && ops_only_read(op.request_txn().failure());
    return op.has_request_range();
  });
}

}  // namespace

bool only_reads(std::string_view bytes) {
  TxnRequest txn;
  return parse(txn, bytes) && ops_only_read(txn.success()) && ops_only_read(txn.failure());
}

Status validate(CommandKind kind, std::string_view bytes) {
  if (bytes.size() > kRequestBytesMax) return status::too_large();
  switch (kind) {
    case CommandKind::kPut: {
      auto put = parse_put(bytes);
      return put ? validate_put(*put) : status::malformed();
    }
    case CommandKind::kDeleteRange: {
      DeleteRangeRequest request;
      if (!parse(request, bytes)) return status::malformed();
      return request.key().empty() ? status::empty_key() : Status();
    }
    case CommandKind::kTxn: {
      TxnRequest request;
      if (!parse(request, bytes)) return status::malformed();
      Writes writes;
      return validate_txn(request, 0, writes);
    }
    case CommandKind::kCompact: {
      CompactionRequest request;
      return parse(request, bytes) ? Status() : status::malformed();
    }
    case CommandKind::kLeaseGrant: {
      LeaseGrantRequest request;
      if (!parse(request, bytes)) return status::malformed();
      return request.ttl() > kLeaseTtlMax ? status::lease_ttl_too_large() : Status();
    }
    case CommandKind::kLeaseRevoke: {
      LeaseRevokeRequest request;
      return parse(request, bytes) ? Status() : status::malformed();
    }
    case CommandKind::kCellVersion:
    case CommandKind::kMastership:
    case CommandKind::kDecision:
      break;  // no client's business
  }
  return status::malformed();
}

Status parse_range(std::string_view bytes, RangeQuery& query, bool& serializable) {
  if (auto get = parse_get(bytes)) {
    query.range.key = get->key;
    serializable = get->serializable;
    return {};
  }
  RangeRequest request;
  if (!parse(request, bytes)) return status::malformed();
  if (Status refused = validate_range(request); !refused.ok()) return refused;
  serializable = request.serializable();
  query.range = {request.key(), request.range_end()};
  query.revision = request.revision() < 0 ? 0 : static_cast<std::uint64_t>(request.revision());
  query.limit = std::max<std::int64_t>(request.limit(), 0);
  query.target = static_cast<RangeQuery::Target>(request.sort_target());
  query.descending = request.sort_order() == RangeRequest::DESCEND;
  query.keys_only = request.keys_only();
  query.count_only = request.count_only();
  query.min_mod = request.min_mod_revision();
  query.max_mod = request.max_mod_revision();
  query.min_create = request.min_create_revision();
  query.max_create = request.max_create_revision();
  return {};
}

}  // namespace polis::store
