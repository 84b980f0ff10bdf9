#include "etcd/queue_claim.hh"

#include <fmt/format.h>

#include "api/etcd/rpc.pb.h"
#include "base/check.hh"
#include "etcd/queue_requests.hh"

namespace polis::etcd {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::RangeRequest;
using etcdserverpb::TxnRequest;
using etcdserverpb::TxnResponse;
using etcdserverpb::WatchCreateRequest;
using http::GrpcStatus;

// After a look without an answer.
constexpr Duration kAgainAfter = std::chrono::milliseconds(50);

// Looking can be repeated: it changes nothing.
bool worth_repeating(const GrpcStatus& status) {
  return status.code == static_cast<int>(http::GrpcCode::kUnavailable);
}

}  // namespace

GrpcStatus as_unknown(const GrpcStatus& status) {
  return http::grpc_status(http::GrpcCode::kUnknown, status.message);
}

void lease_or_grant(InnerCalls& inner, std::int64_t lease,
                    std::function<void(const GrpcStatus&, std::int64_t lease)> done) {
  if (lease != 0) return done({}, lease);
  etcdserverpb::LeaseGrantRequest grant;
  grant.set_ttl(QueueClaim::kLeaseSeconds);
  inner.call<etcdserverpb::LeaseGrantResponse>(
      "/etcdserverpb.Lease/LeaseGrant", grant,
      [done = std::move(done)](const GrpcStatus& status,
                               const etcdserverpb::LeaseGrantResponse& response) {
        done(status, response.id());
      });
}

void QueueClaim::begin(InnerCalls& inner, http::CallPtr call, Request request,
                       std::function<void(const Held&)> held) {
  auto claim =
      std::make_shared<QueueClaim>(inner, std::move(call), std::move(request), std::move(held));
  claim->call_->on_close = [claim] { claim->on_client_gone(); };
  lease_or_grant(inner, claim->request_.lease,
                 [claim](const GrpcStatus& status, std::int64_t lease) {
                   if (!status.ok()) return claim->fail(status);
                   claim->request_.lease = lease;
                   if (claim->call_) claim->enter();
                 });
}

QueueClaim::QueueClaim(InnerCalls& inner, http::CallPtr call, Request request,
                       std::function<void(const Held&)> held)
    : inner_(inner),
      call_(std::move(call)),
      request_(std::move(request)),
      held_(std::move(held)),
      prefix_(queue_prefix(request_.name)) {}

void QueueClaim::enter() {
  place_.lease = request_.lease;
  place_.key = fmt::format("{}{:x}", prefix_, static_cast<std::uint64_t>(request_.lease));
  TxnRequest txn;
  *txn.add_compare() = created_is(place_.key, 0);
  auto& put = *txn.add_success()->mutable_request_put();
  put.set_key(place_.key);
  put.set_value(request_.value);
  put.set_lease(request_.lease);
  txn.add_failure()->mutable_request_range()->set_key(place_.key);
  for (auto* path : {txn.mutable_success(), txn.mutable_failure()})
    *path->Add()->mutable_request_range() = first_in(prefix_);
  inner_.call<TxnResponse>(
      "/etcdserverpb.KV/Txn", txn,
      [self = shared_from_this()](const GrpcStatus& status, const TxnResponse& response) {
        self->on_entered(status, response);
      });
}

void QueueClaim::on_entered(const GrpcStatus& status, const TxnResponse& response) {
  if (!status.ok()) return fail(status);
  made_ = response.succeeded();
  place_.entered = place_.looked = response.header().SerializeAsString();
  place_.created = response.header().revision();
  bool replace = false;
  if (!made_) {
    const auto& own = response.responses(0).response_range().kvs(0);
    place_.created = own.create_revision();
    replace = request_.replace && own.value() != request_.value;
  }
  if (!call_) return remove();
  if (replace) return replace_value();
  const auto& first = response.responses(1).response_range();
  if (first.kvs_size() > 0 && first.kvs(0).create_revision() == place_.created) return hold();
  look();
}

void QueueClaim::replace_value() {
  inner_.call<TxnResponse>(
      "/etcdserverpb.KV/Txn", change_of(place_.key, place_.created, request_.value, request_.lease),
      [self = shared_from_this()](const GrpcStatus& status, const TxnResponse& response) {
        if (!self->call_) return;
        if (status.ok() && response.succeeded()) return self->look();
        self->made_ = true;  // as etcd has it: who cannot say what it stands for gives way
        self->remove();
        self->fail(status.ok() ? http::grpc_status(http::GrpcCode::kUnknown, self->request_.lost)
                               : status);
      });
}

// At its own key and the one before, in one moment: so it never takes itself for the holder with a
// key that is gone.
void QueueClaim::look() {
  TxnRequest txn;
  auto& own = *txn.add_success()->mutable_request_range();
  own.set_key(place_.key);
  own.set_keys_only(true);
  auto& before = *txn.add_success()->mutable_request_range();
  before = first_in(prefix_);
  before.set_keys_only(true);
  before.set_sort_order(RangeRequest::DESCEND);
  before.set_max_create_revision(place_.created - 1);
  inner_.call<TxnResponse>(
      "/etcdserverpb.KV/Txn", txn,
      [self = shared_from_this()](const GrpcStatus& status, const TxnResponse& response) {
        self->on_looked(status, response);
      });
}

void QueueClaim::on_looked(const GrpcStatus& status, const TxnResponse& response) {
  if (!call_) return;
  if (!status.ok()) return worth_repeating(status) ? look_later() : fail(status);
  const auto& own = response.responses(0).response_range();
  const auto& before = response.responses(1).response_range();
  if (own.kvs_size() == 0 || own.kvs(0).create_revision() != place_.created)
    return fail(http::grpc_status(http::GrpcCode::kUnknown, request_.lost));
  place_.looked = response.header().SerializeAsString();
  if (before.kvs_size() == 0) return hold();
  wait_for(before.kvs(0).key(), response.header().revision() + 1);
}

void QueueClaim::wait_for(const std::string& before, std::int64_t from) {
  std::vector<WatchCreateRequest> creates;
  for (const std::string& key : {before, place_.key}) {
    WatchCreateRequest& create = creates.emplace_back();
    create.set_key(key);
    create.set_start_revision(from);
    create.add_filters(WatchCreateRequest::NOPUT);
  }
  watch_ = inner_.watch(creates, [weak = weak_from_this()](const auto& news) {
    const auto self = weak.lock();
    // A watch that was refused is no reason to ask again at once.
    if (!self || !self->call_) return;
    if (news.canceled()) return self->look_later();
    self->watch_.reset();
    self->look();
  });
}

void QueueClaim::look_later() {
  watch_.reset();
  timer_ = inner_.loop().after(kAgainAfter, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self && self->call_) self->look();
  });
}

void QueueClaim::hold() {
  const auto keep = shared_from_this();
  made_ = false;  // it is the client's now
  if (auto held = std::exchange(held_, nullptr)) held(place_);
}

void QueueClaim::fail(const GrpcStatus& status) {
  if (call_) call_->finish(as_unknown(status));
}

void QueueClaim::on_client_gone() {
  call_ = nullptr;
  held_ = nullptr;
  watch_.reset();
  timer_.reset();
  remove();
}

// Only the key that was made then. If there is no answer it goes with the lease.
void QueueClaim::remove() {
  if (!std::exchange(made_, false)) return;
  inner_.call<TxnResponse>("/etcdserverpb.KV/Txn", removal_of(place_.key, place_.created),
                           [](const GrpcStatus&, const TxnResponse&) {});
}

}  // namespace polis::etcd
