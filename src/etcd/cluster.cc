#include "etcd/cluster.hh"

#include "api/etcd/rpc.pb.h"
#include "io/network.hh"
#include "store/parse.hh"

namespace polis::etcd {
namespace {

using namespace etcdserverpb;
using consensus::Configuration;
using consensus::ReplicaId;
using replica::ChangeOutcome;
using replica::ChangeRefusal;
using replica::MemberChange;
using store::parse;
using store::Status;

Status bad_urls() {
  return {store::Code::kInvalidArgument, "etcdserver: given member URLs are invalid"};
}
Status not_found() { return {store::Code::kNotFound, "etcdserver: member not found"}; }

// The only URL, or nothing: replicas reach each other by one address, which all can use.
std::optional<io::Address> address_in(const google::protobuf::RepeatedPtrField<std::string>& urls) {
  if (urls.size() != 1 || !(urls[0].starts_with("http://") || urls[0].starts_with("https://")))
    return std::nullopt;
  auto address = io::parse_address(urls[0]);
  if (!address || address->unspecified()) return std::nullopt;
  return *address;
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
Status in_etcds_words(const ChangeOutcome& outcome) {
  const store::Code code = outcome.status.code;
  if (code == store::Code::kNotFound) return not_found();
  switch (outcome.refusal) {
    case ChangeRefusal::kOther:
    case ChangeRefusal::kNoSuchMember:
      break;
    case ChangeRefusal::kAddressTaken:
      return {code, "etcdserver: Peer URLs already exists"};
    case ChangeRefusal::kNoLearner:
      return {code, "etcdserver: can only promote a learner member"};
    case ChangeRefusal::kNotCaughtUp:
      return {code, "etcdserver: can only promote a learner member which is in sync with leader"};
    case ChangeRefusal::kNoQuorum:
      return {code, "etcdserver: re-configuration failed due to not enough started members"};
  }
  return outcome.status;
}

// Asks the master for the change; then answers with everyone.
template <typename Response>
void change(const Context& context, const http::CallPtr& call, const MemberChange& wanted,
            std::function<void(Response&, const Configuration&, ReplicaId)> fill_in = nullptr) {
  context.replica.change_members(wanted, [context, call, fill_in](const ChangeOutcome& outcome) {
    if (!outcome.status.ok()) return call->finish(to_grpc(in_etcds_words(outcome)));
    auto show = [context, call, fill_in, member = outcome.member](const Status& readable) {
      if (!readable.ok()) return call->finish(to_grpc(readable));
      const Configuration& now = context.replica.store().applied_mark().configuration;
      Response response;
      if (fill_in) fill_in(response, now, member);
      fill_all(response, now);
      answer(call, context, {{}, response.SerializeAsString(), context.replica.store().revision()});
    };
    // What the master has decided is to be seen here, too; a replica that has just removed
    // itself has seen it.
    context.replica.removed() ? show({}) : context.replica.read_barrier(show);
  });
}

}  // namespace

ClusterService::ClusterService(Context context, http::Server& server, WrongPeer wrong_peer)
    : context_(context), wrong_peer_(std::move(wrong_peer)) {
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

std::optional<std::string> ClusterService::peer_for(
    ReplicaId whose, const google::protobuf::RepeatedPtrField<std::string>& urls,
    const http::CallPtr& call) const {
  auto peer = address_in(urls);
  if (!peer) {
    call->finish(to_grpc(bad_urls()));
    return std::nullopt;
  }
  const std::string wrong = wrong_peer_ ? wrong_peer_(whose, *peer) : "";
  if (wrong.empty()) return peer->text();
  call->finish(to_grpc({store::Code::kInvalidArgument, "polis: " + wrong}));
  return std::nullopt;
}

void ClusterService::on_add(const http::CallPtr& call, std::string_view bytes) {
  MemberAddRequest request;
  if (!parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  auto peer = peer_for(consensus::kNoReplica, request.peerurls(), call);
  if (!peer) return;
  change<MemberAddResponse>(
      context_, call,
      {.kind = MemberChange::Kind::kAdd, .peer = *peer, .promote = !request.islearner()},
      [](MemberAddResponse& response, const Configuration& now, ReplicaId id) {
        if (const consensus::Member* added = now.find(id))
          fill(response.mutable_member(), now, *added);
      });
}

void ClusterService::on_remove(const http::CallPtr& call, std::string_view bytes) {
  MemberRemoveRequest request;
  if (!parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  change<MemberRemoveResponse>(
      context_, call, {.kind = MemberChange::Kind::kRemove, .id = ReplicaId(request.id())});
}

void ClusterService::on_update(const http::CallPtr& call, std::string_view bytes) {
  MemberUpdateRequest request;
  if (!parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  auto peer = peer_for(ReplicaId(request.id()), request.peerurls(), call);
  if (!peer) return;
  change<MemberUpdateResponse>(
      context_, call,
      {.kind = MemberChange::Kind::kUpdate, .id = ReplicaId(request.id()), .peer = *peer});
}

void ClusterService::on_promote(const http::CallPtr& call, std::string_view bytes) {
  MemberPromoteRequest request;
  if (!parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  change<MemberPromoteResponse>(
      context_, call, {.kind = MemberChange::Kind::kPromote, .id = ReplicaId(request.id())});
}

}  // namespace polis::etcd
