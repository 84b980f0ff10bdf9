// Transactions: compares choose a path, the path is checked as a whole, then it runs as one
// revision.

#include "api/etcd/rpc.pb.h"
#include "base/check.hh"
#include "store/answer.hh"
#include "store/parse.hh"
#include "store/range.hh"
#include "store/store.hh"

namespace polis::store {

using etcdserverpb::Compare;
using etcdserverpb::RequestOp;
using etcdserverpb::TxnRequest;

namespace {

// Fields of TxnResponse, ResponseOp, the three responses in it, and ResponseHeader.
constexpr int kHeader = 1, kSucceeded = 2, kResponses = 3;
constexpr int kResponseRange = 1, kResponsePut = 2, kResponseDelete = 3, kResponseTxn = 4;
constexpr int kDeleted = 2, kHeaderRevision = 3;
// Finding the lease of one key.
constexpr std::uint64_t kLeaseWork = 8 * kKeyWork;

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

// What the compare says of every living key: these three numbers are at least 1 then.
std::optional<bool> same_for_all_living(const Compare& compare) {
  std::int64_t wanted = 0;
  switch (compare.target()) {
    case Compare::VERSION:
      wanted = compare.version();
      break;
    case Compare::CREATE:
      wanted = compare.create_revision();
      break;
    case Compare::MOD:
      wanted = compare.mod_revision();
      break;
    default:
      return std::nullopt;
  }
  if (wanted < 1) return holds(compare.result(), 1);
  if (wanted == 1 && compare.result() == Compare::LESS) return false;
  return std::nullopt;
}

}  // namespace

// A key that does not exist compares as one with everything 0; its value compares with nothing.
bool Store::compare_one(const Compare& compare, const std::string& key, const KeyInfo* info) const {
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
      return holds(compare.result(),
                   order_of(info && info->leased ? leases_.lease_of(key) : 0, compare.lease()));
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

// True if it is true for every key of the range. Ends at the first one for which it is false.
bool Store::compare(const Compare& compare) const {
  const KeyRange range{compare.key(), compare.range_end()};
  // By their number: looking at each key itself would cost most.
  std::uint64_t keys = range.sums_in(index_).alive;
  if (keys == 0) return compare_one(compare, compare.key(), nullptr);
  if (auto known = same_for_all_living(compare)) return *known;
  for (auto i = index_.alive_from(range.begin_in(index_)); keys > 0;
       --keys, i = index_.alive_from(++i)) {
    if (!compare_one(compare, i->key, &i->info)) return false;
  }
  return true;
}

std::uint64_t Store::cost_of(const Compare& compare) const {
  const std::uint64_t one = compare.target() == Compare::VALUE   ? kRecordWork
                            : compare.target() == Compare::LEASE ? kLeaseWork
                                                                 : kKeyWork;
  if (compare.range_end().empty() || same_for_all_living(compare)) return one;
  const KeySums sums = KeyRange{compare.key(), compare.range_end()}.sums_in(index_);
  return sums.entries * kKeyWork + sums.alive * one;
}

CommandCost Store::cost_of_deletion(const KeyRange& range, bool previous) const {
  const KeySums sums = range.sums_in(index_);
  return {sums.alive * kDeleteWork, previous ? sums.item_bytes : 0};
}

// Whichever branch will run.
CommandCost Store::cost_of(const TxnRequest& txn) const {
  CommandCost cost;
  for (const Compare& compare : txn.compare()) cost.work += cost_of(compare);
  CommandCost branches[2];
  for (bool success : {false, true}) {
    CommandCost& sum = branches[success];
    for (const RequestOp& op : branch(txn, success)) {
      CommandCost one;
      if (op.has_request_txn()) one = cost_of(op.request_txn());
      if (op.has_request_delete_range()) {
        const auto& request = op.request_delete_range();
        one = cost_of_deletion({request.key(), request.range_end()}, request.prev_kv());
      }
      if (op.has_request_range()) one.answer_bytes = answer_bytes_of(op.request_range());
      sum.work += one.work;
      sum.answer_bytes += one.answer_bytes;
    }
  }
  cost.work += std::max(branches[0].work, branches[1].work);
  cost.answer_bytes = std::max(branches[0].answer_bytes, branches[1].answer_bytes);
  return cost;
}

// At most: an old revision counts as the newest, and a limit as the largest items there are.
std::uint64_t Store::answer_bytes_of(const etcdserverpb::RangeRequest& request) const {
  if (request.count_only()) return 0;
  const KeySums sums = KeyRange{request.key(), request.range_end()}.sums_in(index_);
  const std::uint64_t bytes = request.keys_only() ? sums.keys_only_bytes : sums.item_bytes;
  const auto limit = static_cast<std::uint64_t>(std::max<std::int64_t>(request.limit(), 0));
  if (limit == 0 || limit >= sums.alive) return bytes;
  return std::min(bytes, limit * kRequestBytesMax);
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

// The revision that everything so far has made.
void Store::answer_header(Answer& answer) const {
  answer.open(kHeader);
  answer.add_varint(kHeaderRevision, revision_ + (next_sub_ > 0 ? 1 : 0));
  answer.close();
}

void Store::run_op(const RequestOp& op, const std::vector<bool>& path, std::size_t& at,
                   Answer* answer) {
  std::unique_ptr<RangeCursor> read;  // as it is now, before the operation
  auto begin_to_read = [&](RangeQuery query, RangeCursor::Form form) {
    RecordKey before = query.revision != 0 ? RecordKey{query.revision + 1, 0} : next();
    if (answer != nullptr)
      read = std::make_unique<RangeCursor>(*this, std::move(query), before, form);
  };
  int field = 0;
  std::uint64_t deleted = 0;
  if (op.has_request_put()) {
    field = kResponsePut;
    const auto& request = op.request_put();
    if (request.prev_kv()) begin_to_read({.range = {request.key(), {}}}, kPreviousOfPut);
    put(put_view(request), nullptr);
  } else if (op.has_request_delete_range()) {
    field = kResponseDelete;
    const auto& request = op.request_delete_range();
    KeyRange range{request.key(), request.range_end()};
    if (request.prev_kv()) begin_to_read({.range = range}, kPreviousOfDeletion);
    deleted = delete_range(range);
  } else if (op.has_request_range()) {
    field = kResponseRange;
    begin_to_read(query_of(op.request_range()), {});
  } else if (op.has_request_txn()) {
    if (answer != nullptr) {
      answer->open(kResponseTxn);
      answer->open(kHeader);  // an empty one, as in etcd: programs in Go read it without a look
      answer->close();
    }
    run_txn(op.request_txn(), path, at, answer);
    if (answer != nullptr) answer->close();
    return;
  }
  if (answer == nullptr || field == 0) return;
  answer->open(field);
  answer_header(*answer);
  answer->add_varint(kDeleted, deleted);
  if (read) answer->add_range(std::move(read));
  answer->close();
}

void Store::run_txn(const TxnRequest& txn, const std::vector<bool>& path, std::size_t& at,
                    Answer* answer) {
  const bool success = path[at++];
  if (answer != nullptr) answer->add_varint(kSucceeded, success ? 1 : 0);
  for (const RequestOp& op : branch(txn, success)) {
    if (answer != nullptr) answer->open(kResponses);
    run_op(op, path, at, answer);
    if (answer != nullptr) answer->close();
  }
}

Reply Store::read_txn(const TxnRequest& txn) {
  const std::uint64_t before = revision_;
  Reply reply = run(txn, true);
  CHECK(revision_ == before);
  reply.revision = revision_;
  return reply;
}

Reply Store::apply_txn(std::string_view bytes, bool want_reply) {
  TxnRequest txn;
  if (Status refused = parse_txn(bytes, txn); !refused.ok()) return {refused, {}, 0};
  return run(txn, want_reply);
}

Reply Store::run(const TxnRequest& txn, bool want_reply) {
  std::vector<bool> path;
  choose_paths(txn, path);
  std::size_t at = 0;
  if (Status refused = check_ops(txn, path, at); !refused.ok()) return {refused, {}, 0};
  at = 0;
  auto answer = want_reply ? std::make_unique<Answer>() : nullptr;
  run_txn(txn, path, at, answer.get());
  finish_change();
  return answer ? reply_of(std::move(answer)) : Reply();
}

}  // namespace polis::store
