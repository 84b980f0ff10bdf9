#pragma once

// The requests that queues of keys are made of (etcd/queue_claim.hh). Pure.

#include <fmt/format.h>

#include <string>

#include "api/etcd/rpc.pb.h"

namespace polis::etcd {

// What the keys of a queue begin with.
inline std::string queue_prefix(std::string_view name) { return fmt::format("{}/", name); }

// Holds for the key that was made at this revision; 0: if there is none.
inline etcdserverpb::Compare created_is(const std::string& key, std::int64_t revision) {
  etcdserverpb::Compare compare;
  compare.set_key(key);
  compare.set_target(etcdserverpb::Compare::CREATE);
  compare.set_create_revision(revision);
  return compare;
}

// The key with this prefix that was made first.
inline etcdserverpb::RangeRequest first_in(const std::string& prefix) {
  etcdserverpb::RangeRequest range;
  range.set_key(prefix);
  std::string end = prefix;
  ++end.back();  // a slash
  range.set_range_end(end);
  range.set_sort_target(etcdserverpb::RangeRequest::CREATE);
  range.set_sort_order(etcdserverpb::RangeRequest::ASCEND);
  range.set_limit(1);
  return range;
}

// Gives the key that was made then another value and lease.
inline etcdserverpb::TxnRequest change_of(const std::string& key, std::int64_t created,
                                          const std::string& value, std::int64_t lease) {
  etcdserverpb::TxnRequest txn;
  *txn.add_compare() = created_is(key, created);
  auto& put = *txn.add_success()->mutable_request_put();
  put.set_key(key);
  put.set_value(value);
  put.set_lease(lease);
  return txn;
}

// Removes the key that was made then.
inline etcdserverpb::TxnRequest removal_of(const std::string& key, std::int64_t created) {
  etcdserverpb::TxnRequest txn;
  *txn.add_compare() = created_is(key, created);
  txn.add_success()->mutable_request_delete_range()->set_key(key);
  return txn;
}

}  // namespace polis::etcd
