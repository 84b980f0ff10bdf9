#include "etcd/lock.hh"

#include "api/etcd/rpc.pb.h"
#include "api/etcd/v3lock.pb.h"
#include "base/check.hh"
#include "etcd/common.hh"
#include "etcd/queue_claim.hh"

namespace polis::etcd {

LockService::LockService(InnerCalls& inner, http::Server& server) : inner_(inner) {
  server.add_unary("/v3lockpb.Lock/Lock",
                   [this](const http::CallPtr& c, std::string_view r) { on_lock(c, r); });
  server.add_unary("/v3lockpb.Lock/Unlock",
                   [this](const http::CallPtr& c, std::string_view r) { on_unlock(c, r); });
}

void LockService::on_lock(const http::CallPtr& call, std::string_view bytes) {
  v3lockpb::LockRequest request;
  if (!store::parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  QueueClaim::begin(inner_, call,
                    {.name = request.name(),
                     .lease = request.lease(),
                     .value = {},
                     .replace = false,
                     .lost = "mutex: session is expired"},
                    [weak = std::weak_ptr(call)](const QueueClaim::Held& held) {
                      const auto open = weak.lock();
                      if (!open) return;
                      v3lockpb::LockResponse response;
                      CHECK(store::parse(*response.mutable_header(), held.looked));
                      response.set_key(held.key);
                      open->reply(response.SerializeAsString());
                    });
}

void LockService::on_unlock(const http::CallPtr& call, std::string_view bytes) {
  v3lockpb::UnlockRequest request;
  if (!store::parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  etcdserverpb::DeleteRangeRequest removal;
  removal.set_key(request.key());
  inner_.call<etcdserverpb::DeleteRangeResponse>(
      "/etcdserverpb.KV/DeleteRange", removal,
      [call](const http::GrpcStatus& status, etcdserverpb::DeleteRangeResponse& removed) {
        if (!status.ok()) return call->finish(as_unknown(status));
        v3lockpb::UnlockResponse response;
        *response.mutable_header() = removed.header();
        call->reply(response.SerializeAsString());
      });
}

}  // namespace polis::etcd
