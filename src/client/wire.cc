#include "client/wire.hh"

#include "api/etcd/rpc.pb.h"

namespace polis::client::wire {
namespace {

using namespace etcdserverpb;

template <typename Message>
bool parse(Message& message, std::string_view bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

KeyValue key_value(mvccpb::KeyValue&& kv) {
  return {.key = std::move(*kv.mutable_key()),
          .value = std::move(*kv.mutable_value()),
          .created = CreateRevision(kv.create_revision()),
          .changed = ModRevision(kv.mod_revision()),
          .version = Version(kv.version()),
          .lease = LeaseId(kv.lease())};
}

void fill(RangeRequest& request, const Read& read) {
  request.set_key(read.keys.first());
  request.set_range_end(read.keys.end());
  request.set_limit(read.limit);
  request.set_revision(read.at.value_or(Revision(0)).value);
  request.set_keys_only(read.content == Read::Content::kKeysOnly);
  request.set_count_only(read.content == Read::Content::kCountOnly);
  if (read.created_max) request.set_max_create_revision(read.created_max->value);
  switch (read.order) {
    case Read::Order::kKey:
      break;
    case Read::Order::kKeyDescending:
      request.set_sort_order(RangeRequest::DESCEND);
      break;
    case Read::Order::kCreatedFirst:
    case Read::Order::kCreatedLast:
      request.set_sort_target(RangeRequest::CREATE);
      request.set_sort_order(read.order == Read::Order::kCreatedFirst ? RangeRequest::ASCEND
                                                                      : RangeRequest::DESCEND);
      break;
  }
}

void fill(PutRequest& request, const Write& write) {
  request.set_key(write.key);
  request.set_value(write.value);
  request.set_lease(write.lease.value);
  request.set_prev_kv(write.previous == Previous::kYes);
}

void fill(DeleteRangeRequest& request, const Removal& removal) {
  request.set_key(removal.keys.first());
  request.set_range_end(removal.keys.end());
  request.set_prev_kv(removal.previous == Previous::kYes);
}

Compare::CompareResult relation_of(Condition::Relation relation) {
  switch (relation) {
    case Condition::Relation::kEqual:
      return Compare::EQUAL;
    case Condition::Relation::kGreater:
      return Compare::GREATER;
    case Condition::Relation::kLess:
      return Compare::LESS;
    case Condition::Relation::kNotEqual:
      return Compare::NOT_EQUAL;
  }
  return Compare::EQUAL;
}

struct SetOperand {
  Compare& compare;

  void operator()(Version v) const {
    compare.set_target(Compare::VERSION);
    compare.set_version(v.value);
  }
  void operator()(CreateRevision v) const {
    compare.set_target(Compare::CREATE);
    compare.set_create_revision(v.value);
  }
  void operator()(ModRevision v) const {
    compare.set_target(Compare::MOD);
    compare.set_mod_revision(v.value);
  }
  void operator()(LeaseId v) const {
    compare.set_target(Compare::LEASE);
    compare.set_lease(v.value);
  }
  void operator()(const std::string& v) const {
    compare.set_target(Compare::VALUE);
    compare.set_value(v);
  }
};

struct SetOperation {
  RequestOp& op;

  void operator()(const Read& read) const { fill(*op.mutable_request_range(), read); }
  void operator()(const Write& write) const { fill(*op.mutable_request_put(), write); }
  void operator()(const Removal& removal) const {
    fill(*op.mutable_request_delete_range(), removal);
  }
};

// `at` is the header's revision; answers within a transaction have none of their own.
Found found(RangeResponse&& response, std::int64_t at) {
  Found made{.at = Revision(at), .count = response.count(), .more = response.more()};
  made.keys.reserve(static_cast<std::size_t>(response.kvs_size()));
  for (auto& kv : *response.mutable_kvs()) made.keys.push_back(key_value(std::move(kv)));
  return made;
}

Written written(PutResponse&& response, std::int64_t at) {
  Written made{.at = Revision(at)};
  if (response.has_prev_kv()) made.previous = key_value(std::move(*response.mutable_prev_kv()));
  return made;
}

Removed removed(DeleteRangeResponse&& response, std::int64_t at) {
  Removed made{.at = Revision(at), .count = response.deleted()};
  for (auto& kv : *response.mutable_prev_kvs()) made.previous.push_back(key_value(std::move(kv)));
  return made;
}

}  // namespace

std::string encode(const Read& read, Freshness freshness) {
  RangeRequest request;
  fill(request, read);
  request.set_serializable(freshness == Freshness::kSerializable);
  return request.SerializeAsString();
}

std::string encode(const Write& write) {
  PutRequest request;
  fill(request, write);
  return request.SerializeAsString();
}

std::string encode(const Removal& removal) {
  DeleteRangeRequest request;
  fill(request, removal);
  return request.SerializeAsString();
}

std::string encode(const Txn& txn) {
  TxnRequest request;
  for (const Condition& condition : txn.conditions()) {
    Compare& compare = *request.add_compare();
    compare.set_key(condition.key);
    compare.set_result(relation_of(condition.relation));
    std::visit(SetOperand{compare}, condition.operand);
  }
  for (const auto& operation : txn.then_operations())
    std::visit(SetOperation{*request.add_success()}, operation);
  for (const auto& operation : txn.otherwise_operations())
    std::visit(SetOperation{*request.add_failure()}, operation);
  return request.SerializeAsString();
}

std::string encode_compaction(Revision revision) {
  CompactionRequest request;
  request.set_revision(revision.value);
  return request.SerializeAsString();
}

std::optional<Found> decode_found(std::string_view bytes) {
  RangeResponse response;
  if (!parse(response, bytes)) return std::nullopt;
  const std::int64_t at = response.header().revision();
  return found(std::move(response), at);
}

std::optional<Written> decode_written(std::string_view bytes) {
  PutResponse response;
  if (!parse(response, bytes)) return std::nullopt;
  const std::int64_t at = response.header().revision();
  return written(std::move(response), at);
}

std::optional<Removed> decode_removed(std::string_view bytes) {
  DeleteRangeResponse response;
  if (!parse(response, bytes)) return std::nullopt;
  const std::int64_t at = response.header().revision();
  return removed(std::move(response), at);
}

std::optional<Committed> decode_committed(std::string_view bytes) {
  TxnResponse response;
  if (!parse(response, bytes)) return std::nullopt;
  const std::int64_t at = response.header().revision();
  Committed made{
      .at = Revision(at),
      .branch = response.succeeded() ? Committed::Branch::kThen : Committed::Branch::kOtherwise};
  for (ResponseOp& op : *response.mutable_responses()) {
    if (op.has_response_range()) {
      made.steps.push_back(found(std::move(*op.mutable_response_range()), at));
    } else if (op.has_response_put()) {
      made.steps.push_back(written(std::move(*op.mutable_response_put()), at));
    } else if (op.has_response_delete_range()) {
      made.steps.push_back(removed(std::move(*op.mutable_response_delete_range()), at));
    } else {
      return std::nullopt;
    }
  }
  return made;
}

std::string encode(const WatchCreate& create) {
  WatchRequest request;
  WatchCreateRequest& made = *request.mutable_create_request();
  made.set_key(create.keys.first());
  made.set_range_end(create.keys.end());
  if (create.start) made.set_start_revision(create.start->value);
  if (!create.puts) made.add_filters(WatchCreateRequest::NOPUT);
  if (!create.deletions) made.add_filters(WatchCreateRequest::NODELETE);
  made.set_prev_kv(create.previous == Previous::kYes);
  made.set_fragment(true);
  return request.SerializeAsString();
}

std::string encode_progress_request() {
  WatchRequest request;
  request.mutable_progress_request();
  return request.SerializeAsString();
}

std::optional<WatchReply> decode_watch_reply(std::string_view bytes) {
  WatchResponse response;
  if (!parse(response, bytes)) return std::nullopt;
  WatchReply made{.cell = response.header().cluster_id(),
                  .at = Revision(response.header().revision()),
                  .created = response.created(),
                  .canceled = response.canceled(),
                  .reason = response.cancel_reason(),
                  .fragment = response.fragment()};
  if (response.compact_revision() != 0) made.oldest = Revision(response.compact_revision());
  made.events.reserve(static_cast<std::size_t>(response.events_size()));
  for (mvccpb::Event& event : *response.mutable_events()) {
    Event& one = made.events.emplace_back();
    if (event.type() == mvccpb::Event::DELETE) one.kind = Event::Kind::kDelete;
    one.now = key_value(std::move(*event.mutable_kv()));
    if (event.has_prev_kv()) one.before = key_value(std::move(*event.mutable_prev_kv()));
  }
  return made;
}

std::string encode_grant(std::int64_t ttl_seconds) {
  LeaseGrantRequest request;
  request.set_ttl(ttl_seconds);
  return request.SerializeAsString();
}

std::optional<Granted> decode_granted(std::string_view bytes) {
  LeaseGrantResponse response;
  if (!parse(response, bytes) || response.id() == 0) return std::nullopt;
  return Granted{LeaseId(response.id()), response.ttl()};
}

std::string encode_keep_alive(LeaseId lease) {
  LeaseKeepAliveRequest request;
  request.set_id(lease.value);
  return request.SerializeAsString();
}

std::optional<std::int64_t> decode_kept_alive(std::string_view bytes) {
  LeaseKeepAliveResponse response;
  if (!parse(response, bytes)) return std::nullopt;
  return response.ttl();
}

std::string encode_revoke(LeaseId lease) {
  LeaseRevokeRequest request;
  request.set_id(lease.value);
  return request.SerializeAsString();
}

std::string encode_members_request() { return MemberListRequest().SerializeAsString(); }

std::optional<std::vector<std::string>> decode_member_urls(std::string_view bytes) {
  MemberListResponse response;
  if (!parse(response, bytes)) return std::nullopt;
  std::vector<std::string> urls;
  for (const Member& member : response.members()) {
    if (member.islearner()) continue;  // it refuses most of what clients ask
    urls.insert(urls.end(), member.clienturls().begin(), member.clienturls().end());
  }
  return urls;
}

}  // namespace polis::client::wire
