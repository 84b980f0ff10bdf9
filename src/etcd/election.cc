#include "etcd/election.hh"

#include "api/etcd/rpc.pb.h"
#include "api/etcd/v3election.pb.h"
#include "base/check.hh"
#include "etcd/common.hh"
#include "etcd/election_observer.hh"
#include "etcd/queue_claim.hh"
#include "etcd/queue_requests.hh"

namespace polis::etcd {
namespace {

using etcdserverpb::RangeResponse;
using etcdserverpb::TxnResponse;
using http::GrpcStatus;

constexpr const char* kNotLeader = "election: not leader";
constexpr const char* kNoLeader = "election: no leader";
constexpr const char* kNoKey = R"("leader" field must be provided)";

void finish(const http::CallPtr& call, const char* text) {
  call->finish(http::grpc_status(http::GrpcCode::kUnknown, text));
}

}  // namespace

ElectionService::ElectionService(InnerCalls& inner, http::Server& server,
                                 std::size_t queue_bytes_max)
    : inner_(inner), queue_bytes_max_(queue_bytes_max) {
  const auto add = [&](const char* path, auto handler) {
    server.add_unary(path, [this, handler](const http::CallPtr& call, std::string_view request) {
      (this->*handler)(call, request);
    });
  };
  add("/v3electionpb.Election/Campaign", &ElectionService::on_campaign);
  add("/v3electionpb.Election/Proclaim", &ElectionService::on_proclaim);
  add("/v3electionpb.Election/Leader", &ElectionService::on_leader);
  add("/v3electionpb.Election/Resign", &ElectionService::on_resign);
  server.add_stream(
      "/v3electionpb.Election/Observe", [this](const http::CallPtr& call) { on_observe(call); },
      http::Streams::kServer);
}

void ElectionService::on_campaign(const http::CallPtr& call, std::string_view bytes) {
  v3electionpb::CampaignRequest request;
  if (!store::parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  QueueClaim::begin(
      inner_, call,
      {.name = request.name(),
       .lease = request.lease(),
       .value = request.value(),
       .replace = true,
       .lost = kNotLeader},
      [weak = std::weak_ptr(call), name = request.name()](const QueueClaim::Held& held) {
        const auto open = weak.lock();
        if (!open) return;
        v3electionpb::CampaignResponse response;
        CHECK(store::parse(*response.mutable_header(), held.entered));
        auto& leader = *response.mutable_leader();
        leader.set_name(name);
        leader.set_key(held.key);
        leader.set_rev(held.created);
        leader.set_lease(held.lease);
        open->reply(response.SerializeAsString());
      });
}

void ElectionService::on_proclaim(const http::CallPtr& call, std::string_view bytes) {
  v3electionpb::ProclaimRequest request;
  if (!store::parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  if (!request.has_leader()) return finish(call, kNoKey);
  lease_or_grant(
      inner_, request.leader().lease(),
      [this, call, request](const GrpcStatus& granted, std::int64_t lease) {
        if (!granted.ok()) return call->finish(as_unknown(granted));
        inner_.call<TxnResponse>(
            "/etcdserverpb.KV/Txn",
            change_of(request.leader().key(), request.leader().rev(), request.value(), lease),
            [call](const GrpcStatus& status, const TxnResponse& changed) {
              if (!status.ok()) return call->finish(as_unknown(status));
              if (!changed.succeeded()) return finish(call, kNotLeader);
              v3electionpb::ProclaimResponse response;
              *response.mutable_header() = changed.header();
              call->reply(response.SerializeAsString());
            });
      });
}

void ElectionService::on_leader(const http::CallPtr& call, std::string_view bytes) {
  v3electionpb::LeaderRequest request;
  if (!store::parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  inner_.call<RangeResponse>("/etcdserverpb.KV/Range", first_in(queue_prefix(request.name())),
                             [call](const GrpcStatus& status, const RangeResponse& found) {
                               if (!status.ok()) return call->finish(as_unknown(status));
                               if (found.kvs_size() == 0) return finish(call, kNoLeader);
                               v3electionpb::LeaderResponse response;
                               *response.mutable_header() = found.header();
                               *response.mutable_kv() = found.kvs(0);
                               call->reply(response.SerializeAsString());
                             });
}

void ElectionService::on_observe(const http::CallPtr& call) {
  call->on_message = [this, weak = std::weak_ptr(call),
                      begun = false](std::string_view bytes) mutable {
    const auto open = weak.lock();
    v3electionpb::LeaderRequest request;
    if (!open || std::exchange(begun, true)) return;  // what follows the request says nothing
    if (!store::parse(request, bytes)) return open->finish(to_grpc(store::status::malformed()));
    ElectionObserver::begin(inner_, open, request.name(), queue_bytes_max_);
  };
}

void ElectionService::on_resign(const http::CallPtr& call, std::string_view bytes) {
  v3electionpb::ResignRequest request;
  if (!store::parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  if (!request.has_leader()) return finish(call, kNoKey);
  inner_.call<TxnResponse>("/etcdserverpb.KV/Txn",
                           removal_of(request.leader().key(), request.leader().rev()),
                           [call](const GrpcStatus& status, const TxnResponse& removed) {
                             if (!status.ok()) return call->finish(as_unknown(status));
                             v3electionpb::ResignResponse response;
                             *response.mutable_header() = removed.header();
                             call->reply(response.SerializeAsString());
                           });
}

}  // namespace polis::etcd
