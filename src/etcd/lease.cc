#include "etcd/lease.hh"

#include "api/etcd/rpc.pb.h"
#include "store/parse.hh"

namespace polis::etcd {
namespace {

using namespace etcdserverpb;
using store::parse;

std::string lease_body(std::int64_t id) {
  std::string body;
  Writer(body).i64(id);
  return body;
}

}  // namespace

LeaseService::LeaseService(Context context, http::Server& server, std::uint64_t seed)
    : context_(context), ids_(seed) {
  server.add_unary("/etcdserverpb.Lease/LeaseGrant",
                   [this](const http::CallPtr& c, std::string_view r) { on_grant(c, r); });
  server.add_unary("/etcdserverpb.Lease/LeaseRevoke",
                   [this](const http::CallPtr& c, std::string_view r) { on_revoke(c, r); });
  server.add_unary("/etcdserverpb.KV/LeaseRevoke",
                   [this](const http::CallPtr& c, std::string_view r) { on_revoke(c, r); });
  server.add_unary("/etcdserverpb.Lease/LeaseTimeToLive",
                   [this](const http::CallPtr& c, std::string_view r) { on_time_to_live(c, r); });
  server.add_unary("/etcdserverpb.KV/LeaseTimeToLive",
                   [this](const http::CallPtr& c, std::string_view r) { on_time_to_live(c, r); });
  server.add_unary("/etcdserverpb.Lease/LeaseLeases",
                   [this](const http::CallPtr& c, std::string_view) { on_list(c); });
  server.add_unary("/etcdserverpb.KV/LeaseLeases",
                   [this](const http::CallPtr& c, std::string_view) { on_list(c); });
  server.add_stream("/etcdserverpb.Lease/LeaseKeepAlive",
                    [this](const http::CallPtr& c) { on_keep_alive(c); });
}

void LeaseService::on_grant(const http::CallPtr& call, std::string_view request) {
  if (store::Status refused = store::validate(store::CommandKind::kLeaseGrant, request);
      !refused.ok()) {
    return call->finish(to_grpc(refused));
  }
  LeaseGrantRequest grant;
  parse(grant, request);
  // The id has to be the same on every replica, so it is chosen before the log.
  while (grant.id() == 0) grant.set_id(static_cast<std::int64_t>(ids_.next() >> 1));
  context_.replica.submit(
      store::CommandKind::kLeaseGrant, grant.SerializeAsString(),
      [this, call](const store::Reply& reply) { answer(call, context_, reply); });
}

void LeaseService::on_revoke(const http::CallPtr& call, std::string_view request) {
  if (store::Status refused = store::validate(store::CommandKind::kLeaseRevoke, request);
      !refused.ok()) {
    return call->finish(to_grpc(refused));
  }
  context_.replica.submit(
      store::CommandKind::kLeaseRevoke, request,
      [this, call](const store::Reply& reply) { answer(call, context_, reply); });
}

void LeaseService::on_keep_alive(const http::CallPtr& call) {
  // Shared by the call's callbacks and by the answers that are under way.
  struct State {
    std::size_t unanswered = 0;
    bool half_closed = false;
  };
  auto state = std::make_shared<State>();
  // A client that sends no more waits for the answers to what it has sent.
  call->on_half_close = [state, call = call.get()] {
    state->half_closed = true;
    if (state->unanswered == 0) call->finish({});
  };
  // The call cannot be held by its own callback; what answers later holds it.
  call->on_message = [this, state, weak = std::weak_ptr(call)](std::string_view bytes) {
    auto open = weak.lock();
    LeaseKeepAliveRequest request;
    if (!open) return;
    if (!parse(request, bytes)) return open->finish(to_grpc(store::status::malformed()));
    if (open->queued() > (1 << 20))
      return open->finish(to_grpc(store::status::too_many_requests()));  // it never reads
    std::int64_t id = request.id();
    ++state->unanswered;
    context_.replica.ask(replica::Question::kLeaseRenew, lease_body(id),
                         [=, this](const store::Status& status, const std::string& body) {
                           --state->unanswered;
                           if (!status.ok() && status.code != store::Code::kNotFound)
                             return open->finish(to_grpc(status));
                           LeaseKeepAliveResponse response;
                           response.set_id(id);
                           response.set_ttl(status.ok() ? Reader(body).i64()
                                                        : 0);  // 0: there is no such lease any more
                           std::string out;
                           append_header(out, context_, context_.replica.store().revision());
                           out += response.SerializeAsString();
                           open->send(out);
                           if (state->half_closed && state->unanswered == 0) open->finish({});
                         });
  };
}

void LeaseService::on_time_to_live(const http::CallPtr& call, std::string_view bytes) {
  LeaseTimeToLiveRequest request;
  if (!parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  std::int64_t id = request.id();
  bool keys = request.keys();
  context_.replica.ask(
      replica::Question::kLeaseRemaining, lease_body(id),
      [=, this](const store::Status& status, const std::string& body) {
        if (!status.ok() && status.code != store::Code::kNotFound)
          return call->finish(to_grpc(status));
        context_.replica.read_barrier([=, this](const store::Status& barrier) {
          if (!barrier.ok()) return call->finish(to_grpc(barrier));
          const store::Lease* lease = context_.replica.store().leases().find(id);
          LeaseTimeToLiveResponse response;
          response.set_id(id);
          if (lease == nullptr || !status.ok()) {
            response.set_ttl(-1);
          } else {
            response.set_ttl(Reader(body).i64());
            response.set_grantedttl(lease->ttl);
            if (keys) {
              for (const std::string& key : lease->keys) response.add_keys(key);
            }
          }
          answer(call, context_,
                 {{}, response.SerializeAsString(), context_.replica.store().revision()});
        });
      });
}

void LeaseService::on_list(const http::CallPtr& call) {
  context_.replica.read_barrier([this, call](const store::Status& status) {
    if (!status.ok()) return call->finish(to_grpc(status));
    LeaseLeasesResponse response;
    for (const auto& [id, lease] : context_.replica.store().leases().all())
      response.add_leases()->set_id(id);
    answer(call, context_, {{}, response.SerializeAsString(), context_.replica.store().revision()});
  });
}

}  // namespace polis::etcd
