#include "etcd/cluster.hh"

#include "api/etcd/rpc.pb.h"
#include "api/polis/cell.pb.h"
#include "io/network.hh"
#include "store/parse.hh"

namespace polis::etcd {
namespace {

using namespace etcdserverpb;
using consensus::Configuration;
using consensus::ReplicaId;
using store::parse;
using store::Status;

Status bad_urls() {
  return {store::Code::kInvalidArgument, "etcdserver: given member URLs are invalid"};
}
Status not_found() { return {store::Code::kNotFound, "etcdserver: member not found"}; }

// HOST:PORT of the only URL, or nothing: replicas reach each other by one address, which all can
// use.
std::optional<std::string> address_in(const google::protobuf::RepeatedPtrField<std::string>& urls) {
  if (urls.size() != 1 || !(urls[0].starts_with("http://") || urls[0].starts_with("https://")))
    return std::nullopt;
  auto address = io::parse_address(urls[0]);
  if (!address || address->unspecified()) return std::nullopt;
  return address->text();
}

void fill(Member* out, const Configuration& configuration, const consensus::Member& member) {
  out->set_id(member.id.value);
  out->set_name(member.name);
  if (auto peer = io::parse_address(member.peer)) out->add_peerurls(peer->url());
  if (auto clients = io::parse_addresses(member.client)) {
    for (const io::Address& client : *clients) out->add_clienturls(client.url());
  }
  out->set_islearner(configuration.is_learner(member.id));
}

template <typename Response>
void fill_all(Response& response, const Configuration& configuration) {
  for (const consensus::Member& member : configuration.members)
    fill(response.add_members(), configuration, member);
}

// What etcd's clients match on; everything else keeps the text that says more.
Status in_etcds_words(const Status& status) {
  if (status.code == store::Code::kNotFound) return not_found();
  auto says = [&](std::string_view part) { return status.text.find(part) != std::string::npos; };
  if (says("is the address of member"))
    return {status.code, "etcdserver: Peer URLs already exists"};
  if (says("is no learner")) return {status.code, "etcdserver: can only promote a learner member"};
  if (says("has not caught up"))
    return {status.code,
            "etcdserver: can only promote a learner member which is in sync with leader"};
  if (says("would have to answer"))
    return {status.code, "etcdserver: re-configuration failed due to not enough started members"};
  return status;
}

// Asks the master for the change; then answers with everyone.
template <typename Response>
void change(const Context& context, const http::CallPtr& call, const v1::ChangeRequest& request,
            std::function<void(Response&, const Configuration&, ReplicaId)> fill_in = nullptr) {
  context.replica.ask(
      replica::Question::kChange, request.SerializeAsString(),
      [context, call, fill_in](const Status& status, const std::string& body) {
        if (!status.ok()) return call->finish(to_grpc(in_etcds_words(status)));
        auto show = [context, call, fill_in, body](const Status& readable) {
          if (!readable.ok()) return call->finish(to_grpc(readable));
          const Configuration& now = context.replica.store().applied_mark().configuration;
          Response response;
          Reader in(body);
          if (fill_in) fill_in(response, now, ReplicaId(in.u64()));
          fill_all(response, now);
          answer(call, context,
                 {{}, response.SerializeAsString(), context.replica.store().revision()});
        };
        // What the master has decided is to be seen here, too; a replica that has just removed
        // itself has seen it.
        context.replica.removed() ? show({}) : context.replica.read_barrier(show);
      });
}

}  // namespace

ClusterService::ClusterService(Context context, http::Server& server) : context_(context) {
  auto add = [&](const char* path,
                 void (ClusterService::*handler)(const http::CallPtr&, std::string_view)) {
    server.add_unary(path, [this, handler](const http::CallPtr& call, std::string_view request) {
      (this->*handler)(call, request);
    });
  };
  add("/etcdserverpb.Cluster/MemberList", &ClusterService::on_list);
  add("/etcdserverpb.Cluster/MemberAdd", &ClusterService::on_add);
  add("/etcdserverpb.Cluster/MemberRemove", &ClusterService::on_remove);
  add("/etcdserverpb.Cluster/MemberUpdate", &ClusterService::on_update);
  add("/etcdserverpb.Cluster/MemberPromote", &ClusterService::on_promote);
}

void ClusterService::on_list(const http::CallPtr& call, std::string_view bytes) {
  MemberListRequest request;
  if (!parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  auto list = [this, call](const Status& status) {
    if (!status.ok()) return call->finish(to_grpc(status));
    MemberListResponse response;
    fill_all(response, context_.replica.store().applied_mark().configuration);
    answer(call, context_, {{}, response.SerializeAsString(), context_.replica.store().revision()});
  };
  request.linearizable() ? context_.replica.read_barrier(list) : list({});
}

void ClusterService::on_add(const http::CallPtr& call, std::string_view bytes) {
  MemberAddRequest request;
  if (!parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  auto peer = address_in(request.peerurls());
  if (!peer) return call->finish(to_grpc(bad_urls()));
  v1::ChangeRequest wanted;
  wanted.set_kind(v1::ChangeRequest::ADD);
  wanted.set_peer(*peer);
  wanted.set_promote(!request.islearner());
  change<MemberAddResponse>(
      context_, call, wanted,
      [](MemberAddResponse& response, const Configuration& now, ReplicaId id) {
        if (const consensus::Member* added = now.find(id))
          fill(response.mutable_member(), now, *added);
      });
}

void ClusterService::on_remove(const http::CallPtr& call, std::string_view bytes) {
  MemberRemoveRequest request;
  if (!parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  v1::ChangeRequest wanted;
  wanted.set_kind(v1::ChangeRequest::REMOVE);
  wanted.set_id(request.id());
  change<MemberRemoveResponse>(context_, call, wanted);
}

void ClusterService::on_update(const http::CallPtr& call, std::string_view bytes) {
  MemberUpdateRequest request;
  if (!parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  auto peer = address_in(request.peerurls());
  if (!peer) return call->finish(to_grpc(bad_urls()));
  v1::ChangeRequest wanted;
  wanted.set_kind(v1::ChangeRequest::UPDATE);
  wanted.set_id(request.id());
  wanted.set_peer(*peer);
  change<MemberUpdateResponse>(context_, call, wanted);
}

void ClusterService::on_promote(const http::CallPtr& call, std::string_view bytes) {
  MemberPromoteRequest request;
  if (!parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  v1::ChangeRequest wanted;
  wanted.set_kind(v1::ChangeRequest::PROMOTE);
  wanted.set_id(request.id());
  change<MemberPromoteResponse>(context_, call, wanted);
}

}  // namespace polis::etcd
