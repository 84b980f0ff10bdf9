// Transactions: compares choose a path, the path is checked as a whole, then it runs as one
// revision.

#include "api/etcd/rpc.pb.h"
#include "base/check.hh"
#include "store/parse.hh"
#include "store/range.hh"
#include "store/store.hh"

namespace polis::store {

using etcdserverpb::Compare;
using etcdserverpb::RequestOp;
using etcdserverpb::ResponseOp;
using etcdserverpb::TxnRequest;
using etcdserverpb::TxnResponse;

namespace {

bool holds(Compare::CompareResult wanted, int order) {
  switch (wanted) {
    case Compare::EQUAL:
      return order == 0;
    case Compare::GREATER:
      return order > 0;
    case Compare::LESS:
      return order < 0;
    case Compare::NOT_EQUAL:
      return order != 0;
    default:
      return false;
  }
}

int order_of(std::int64_t a, std::int64_t b) { return a < b ? -1 : a > b ? 1 : 0; }

PutView put_view(const etcdserverpb::PutRequest& put) {
  return {put.key(),     put.value(),        put.lease(),
          put.prev_kv(), put.ignore_value(), put.ignore_lease()};
}

const auto& branch(const TxnRequest& txn, bool success) {
  return success ? txn.success() : txn.failure();
}

}  // namespace

// A key that does not exist compares as one with everything 0; its value compares with nothing.
bool Store::compare_one(const Compare& compare, const KeyInfo* info) const {
  switch (compare.target()) {
    case Compare::VERSION:
      return holds(compare.result(), order_of(info ? info->version : 0, compare.version()));
    case Compare::CREATE:
      return holds(compare.result(),
                   order_of(info ? static_cast<std::int64_t>(info->create_revision) : 0,
                            compare.create_revision()));
    case Compare::MOD:
      return holds(compare.result(),
                   order_of(info ? static_cast<std::int64_t>(info->mod_revision) : 0,
                            compare.mod_revision()));
    case Compare::LEASE:
      return holds(
          compare.result(),
          order_of(info && info->leased ? leases_.lease_of(compare.key()) : 0, compare.lease()));
    case Compare::VALUE: {
      if (info == nullptr) return false;
      bool result = false;
      read_record(info->newest(), [&](const RecordView& record) {
        result = holds(compare.result(), record.value.compare(compare.value()));
      });
      return result;
    }
    default:
      return false;
  }
}

bool Store::compare(const Compare& compare) const {
  KeyRange range{compare.key(), compare.range_end()};
  bool found_any = false;
  for (auto i = range.begin_in(index_); i != index_.end() && range.contains(i->first); ++i) {
    if (i->second.tombstone) continue;
    found_any = true;
    Compare one = compare;
    if (!range.single()) one.set_key(i->first);
    if (!compare_one(one, &i->second)) return false;
  }
  return found_any || compare_one(compare, nullptr);
}

// Depth first: all compares see the state before the transaction.
void Store::choose_paths(const TxnRequest& txn, std::vector<bool>& path) const {
  bool success = true;
  for (const Compare& c : txn.compare()) success = success && compare(c);
  path.push_back(success);
  for (const RequestOp& op : branch(txn, success)) {
    if (op.has_request_txn()) choose_paths(op.request_txn(), path);
  }
}

Status Store::check_ops(const TxnRequest& txn, const std::vector<bool>& path,
                        std::size_t& at) const {
  const bool success = path[at++];
  for (const RequestOp& op : branch(txn, success)) {
    Status refused;
    if (op.has_request_txn()) refused = check_ops(op.request_txn(), path, at);
    if (op.has_request_put()) refused = check_put(put_view(op.request_put()));
    if (op.has_request_range() && op.request_range().revision() != 0) {
      refused = readable(static_cast<std::uint64_t>(op.request_range().revision()));
    }
    if (!refused.ok()) return refused;
  }
  return {};
}

void Store::run_op(const RequestOp& op, const std::vector<bool>& path, std::size_t& at,
                   ResponseOp& response) {
  if (op.has_request_put()) {
    std::string previous;
    const bool want_previous = op.request_put().prev_kv();
    put(put_view(op.request_put()), want_previous ? &previous : nullptr);
    auto* answer = response.mutable_response_put();
    if (!previous.empty()) answer->mutable_prev_kv()->ParseFromString(previous);
    answer->mutable_header()->set_revision(static_cast<std::int64_t>(revision_ + 1));
  } else if (op.has_request_delete_range()) {
    const auto& request = op.request_delete_range();
    std::vector<std::string> previous;
    auto* answer = response.mutable_response_delete_range();
    answer->set_deleted(delete_range({request.key(), request.range_end()},
                                     request.prev_kv() ? &previous : nullptr));
    for (const std::string& key_value : previous)
      answer->add_prev_kvs()->ParseFromString(key_value);
    answer->mutable_header()->set_revision(static_cast<std::int64_t>(revision_ + (next_sub_ > 0)));
  } else if (op.has_request_range()) {
    auto* answer = response.mutable_response_range();
    Reply reply = range_in_txn(*this, op.request_range(), revision_ + (next_sub_ > 0));
    CHECK(answer->ParseFromString(reply.body));
    answer->mutable_header()->set_revision(static_cast<std::int64_t>(revision_ + (next_sub_ > 0)));
  } else if (op.has_request_txn()) {
    run_txn(op.request_txn(), path, at, *response.mutable_response_txn());
  }
}

void Store::run_txn(const TxnRequest& txn, const std::vector<bool>& path, std::size_t& at,
                    TxnResponse& response) {
  const bool success = path[at++];
  response.set_succeeded(success);
  for (const RequestOp& op : branch(txn, success)) run_op(op, path, at, *response.add_responses());
}

Reply Store::read_txn(std::string_view bytes) {
  const std::uint64_t before = revision_;
  Reply reply = apply_txn(bytes, true);
  CHECK(revision_ == before);
  reply.revision = revision_;
  return reply;
}

Reply Store::apply_txn(std::string_view bytes, bool want_reply) {
  TxnRequest txn;
  if (!parse(txn, bytes)) return {status::malformed(), {}, 0};
  std::vector<bool> path;
  choose_paths(txn, path);
  std::size_t at = 0;
  if (Status refused = check_ops(txn, path, at); !refused.ok()) return {refused, {}, 0};
  at = 0;
  TxnResponse response;
  run_txn(txn, path, at, response);
  finish_change();
  Reply reply;
  if (want_reply) reply.body = response.SerializeAsString();
  return reply;
}

}  // namespace polis::store
