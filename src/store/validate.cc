// What a request must fulfil before it is proposed: the log never carries one that every replica
// would have to refuse.

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

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

// Keys of ranges, as ranges that do not touch each other: from the beginning to the end, which is
// nothing where there is none.
class KeySet {
 public:
  void add(std::string from, std::optional<std::string> to) {
    auto reaches = [](const std::optional<std::string>& end, const std::string& key) {
      return !end || *end >= key;
    };
    if (to && *to <= from) return;
    auto i = ranges_.upper_bound(from);
    if (i != ranges_.begin() && reaches(std::prev(i)->second, from)) from = (--i)->first;
    while (i != ranges_.end() && reaches(to, i->first)) {
      if (to && (!i->second || *i->second > *to)) to = i->second;
      i = ranges_.erase(i);
    }
    ranges_.emplace(std::move(from), std::move(to));
  }
  void add(const DeleteRangeRequest& request) {
    const KeyRange range{request.key(), request.range_end()};
    if (range.to_the_end()) return add(range.key, std::nullopt);
    add(range.key, range.single() ? range.key + '\0' : range.end);
  }
  void add(const KeySet& other) {
    for (const auto& [from, to] : other.ranges_) add(from, to);
  }
  bool contains(const std::string& key) const {
    auto behind = ranges_.upper_bound(key);
    if (behind == ranges_.begin()) return false;
    const auto& end = std::prev(behind)->second;
    return !end || *end > key;
  }

 private:
  std::map<std::string, std::optional<std::string>> ranges_;
};

// What a list of operations writes, whichever branches are taken.
struct Writes {
  std::set<std::string> puts;
  KeySet deletes;
};

using Operations = google::protobuf::RepeatedPtrField<RequestOp>;

Status put_once(Writes& writes, const std::string& key) {
  if (writes.deletes.contains(key) || !writes.puts.insert(key).second)
    return status::duplicate_key();
  return {};
}

Status collect(const Operations& ops, Writes& writes);

// Only one of the two branches runs: they may put the same key.
Status collect(const TxnRequest& txn, Writes& writes) {
  Writes success, failure;
  if (Status refused = collect(txn.success(), success); !refused.ok()) return refused;
  if (Status refused = collect(txn.failure(), failure); !refused.ok()) return refused;
  for (const std::string& key : success.puts) {
    if (Status refused = put_once(writes, key); !refused.ok()) return refused;
  }
  for (const std::string& key : failure.puts) {
    if (success.puts.contains(key)) continue;
    if (Status refused = put_once(writes, key); !refused.ok()) return refused;
  }
  writes.deletes.add(success.deletes);
  writes.deletes.add(failure.deletes);
  return {};
}

// No key may be put twice, or put and deleted beside it. The order is etcd's, since it decides what
// is refused: deletions, then transactions, then puts.
Status collect(const Operations& ops, Writes& writes) {
  for (const RequestOp& op : ops) {
    if (op.has_request_delete_range()) writes.deletes.add(op.request_delete_range());
  }
  for (const RequestOp& op : ops) {
    if (!op.has_request_txn()) continue;
    if (Status refused = collect(op.request_txn(), writes); !refused.ok()) return refused;
  }
  for (const RequestOp& op : ops) {
    if (!op.has_request_put()) continue;
    if (Status refused = put_once(writes, op.request_put().key()); !refused.ok()) return refused;
  }
  return {};
}

// What is left of the bounds of one transaction, which all that are nested in it share: operations
// along one way down, and all that it has.
struct Bounds {
  int along = kTxnOpsMax;
  int* all;
};

Status validate_txn(const TxnRequest& txn, Bounds bounds);

Status validate_op(const RequestOp& op, Bounds bounds) {
  switch (op.request_case()) {
    case RequestOp::kRequestRange:
      return validate_range(op.request_range());
    case RequestOp::kRequestPut: {
      const PutRequest& put = op.request_put();
      return validate_put({put.key(), put.value(), put.lease(), put.prev_kv(), put.ignore_value(),
                           put.ignore_lease()});
    }
    case RequestOp::kRequestDeleteRange:
      return op.request_delete_range().key().empty() ? status::empty_key() : Status();
    case RequestOp::kRequestTxn:
      return validate_txn(op.request_txn(), bounds);
    case RequestOp::REQUEST_NOT_SET:
      break;
  }
  return status::key_not_found();  // as etcd has it
}

Status validate_txn(const TxnRequest& txn, Bounds bounds) {
  bounds.along -= std::max({txn.compare_size(), txn.success_size(), txn.failure_size()});
  *bounds.all -= txn.compare_size() + txn.success_size() + txn.failure_size();
  if (bounds.along < 0 || *bounds.all < 0) return status::too_many_ops();
  for (const Compare& compare : txn.compare()) {
    if (compare.key().empty()) return status::empty_key();
  }
  for (const Operations* ops : {&txn.success(), &txn.failure()}) {
    for (const RequestOp& op : *ops) {
      if (Status refused = validate_op(op, bounds); !refused.ok()) return refused;
    }
  }
  return {};
}

// Whether transactions are nested in each other more than `levels` deep, as far as the bytes can be
// read. Without recursion: they may be anything.
bool nests_deeper(std::string_view bytes, int levels) {
  constexpr std::uint64_t kSuccess = 2, kFailure = 3, kRequestTxn = 4;  // fields
  struct Level {
    Reader in;
    bool operation;  // else a transaction
  };
  std::vector<Level> open{{Reader(bytes), false}};
  while (!open.empty()) {
    Reader& in = open.back().in;
    if (!in.ok() || in.remaining() == 0) {
      open.pop_back();
      continue;
    }
    const std::uint64_t tag = in.varint();
    if ((tag & 7) == 0) {
      in.varint();
    } else if ((tag & 7) == 2) {
      std::string_view part = in.string();
      const std::uint64_t field = tag >> 3;
      const bool operation = open.back().operation;
      if (!in.ok()) continue;
      if (operation ? field == kRequestTxn : field == kSuccess || field == kFailure)
        open.push_back({Reader(part), !operation});
      if (std::cmp_greater(open.size(), 2 * levels + 1)) return true;
    } else {
      open.pop_back();
    }
  }
  return false;
}

bool ops_only_read(const Operations& ops) {
  return std::all_of(ops.begin(), ops.end(), [](const RequestOp& op) {
    if (op.has_request_txn())
      return ops_only_read(op.request_txn().success()) && ops_only_read(op.request_txn().failure());
    return op.has_request_range();
  });
}

}  // namespace

bool only_reads(const TxnRequest& txn) {
  return ops_only_read(txn.success()) && ops_only_read(txn.failure());
}

Status parse_txn(std::string_view bytes, TxnRequest& txn) {
  if (parse(txn, bytes)) return {};
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  in.SetRecursionLimit(2 * kTxnOpsMax + 4);  // a transaction within an operation within ...
  if (txn.ParseFromCodedStream(&in) && in.ConsumedEntireMessage()) return {};
  return nests_deeper(bytes, kTxnOpsMax) ? status::too_many_ops() : status::malformed();
}

Status validate(const TxnRequest& txn) {
  int all = kTxnOpsAllMax;
  if (Status refused = validate_txn(txn, {.all = &all}); !refused.ok()) return refused;
  for (const Operations* ops : {&txn.success(), &txn.failure()}) {
    Writes writes;
    if (Status refused = collect(*ops, writes); !refused.ok()) return refused;
  }
  return {};
}

int depth_of(const TxnRequest& txn) {
  int below = 0;
  for (const Operations* ops : {&txn.success(), &txn.failure()}) {
    for (const RequestOp& op : *ops) {
      if (op.has_request_txn()) below = std::max(below, depth_of(op.request_txn()) + 1);
    }
  }
  return below;
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
      Status parsed = parse_txn(bytes, request);
      return parsed.ok() ? validate(request) : parsed;
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
  query = query_of(request);
  return {};
}

RangeQuery query_of(const RangeRequest& request) {
  RangeQuery query;
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
  return query;
}

}  // namespace polis::store
