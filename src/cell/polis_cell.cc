#include "cell/polis_cell.hh"

#include "api/polis/cell.pb.h"
#include "cell/tls_settings.hh"
#include "host/version.hh"
#include "io/network.hh"
#include "io/reactor.hh"
#include "store/parse.hh"

namespace polis::cell {
namespace {

std::int64_t microseconds(Duration d) {
  return std::chrono::duration_cast<std::chrono::microseconds>(d).count();
}

replica::MemberChange change_in(const v1::ChangeRequest& request) {
  using Kind = replica::MemberChange::Kind;
  static constexpr std::pair<v1::ChangeRequest::Kind, Kind> kinds[] = {
      {v1::ChangeRequest::ADD, Kind::kAdd},
      {v1::ChangeRequest::PROMOTE, Kind::kPromote},
      {v1::ChangeRequest::REMOVE, Kind::kRemove},
      {v1::ChangeRequest::UPDATE, Kind::kUpdate}};
  replica::MemberChange change{.id = consensus::ReplicaId(request.id()),
                               .name = request.name(),
                               .peer = request.peer(),
                               .client = request.client(),
                               .promote = request.promote(),
                               .replaces = consensus::ReplicaId(request.replaces()),
                               .place = request.place()};
  for (const auto& [asked, kind] : kinds) {
    if (request.kind() == asked) change.kind = kind;
  }
  return change;
}

std::optional<v1::Certificate> certificate_of(const tls::Credentials& credentials) {
  const auto lifetime = credentials.lifetime();
  if (!lifetime) return std::nullopt;
  v1::Certificate certificate;
  certificate.set_name(credentials.name());
  certificate.set_begins(lifetime->begins);
  certificate.set_ends(lifetime->ends);
  return certificate;
}

}  // namespace

PolisCell::PolisCell(etcd::Context context, http::Server& server, const io::Loop& reactor,
                     const Settings& settings, const storage::Engine& engine,
                     const peers::PeerLinks& links, const SecureNetworks& networks,
                     const std::vector<std::string>& warnings)
    : context_(context),
      reactor_(reactor),
      settings_(settings),
      engine_(engine),
      links_(links),
      networks_(networks),
      warnings_(warnings),
      started_(reactor.now()) {
  server.add_unary("/polis.v1.Cell/Status",
                   [this](const http::CallPtr& c, std::string_view) { on_status(c); });
  server.add_unary("/polis.v1.Cell/Members",
                   [this](const http::CallPtr& c, std::string_view) { on_members(c); });
  server.add_unary("/polis.v1.Cell/Change",
                   [this](const http::CallPtr& c, std::string_view r) { on_change(c, r); });
}

void PolisCell::on_members(const http::CallPtr& call) { answer_with_members(call, 0); }

void PolisCell::answer_with_members(const http::CallPtr& call, std::uint64_t id) {
  auto answer = [this, call, id](const store::Status& status) {
    if (!status.ok()) return call->finish(etcd::to_grpc(status));
    const consensus::Configuration& now = context_.replica.store().applied_mark().configuration;
    v1::MembersResponse response;
    response.set_cell_id(settings_.cell_id);
    response.set_cluster(settings_.cluster);
    response.set_quorum(consensus::to_string(now.quorum));
    response.set_protocol(to_string(settings_.protocol));
    response.set_id(id);
    for (const consensus::Member& member : now.members) {
      auto* one = response.add_members();
      one->set_id(member.id.value);
      one->set_name(member.name);
      one->set_peer(member.peer);
      one->set_client(member.client);
      one->set_voter(now.is_voter(member.id));
      one->set_leaving(now.joint() && now.is_voter(member.id) &&
                       std::find(now.voters.begin(), now.voters.end(), member.id) ==
                           now.voters.end());
      one->set_promote(member.promote);
      one->set_replaces(member.replaces.value);
      one->set_place(member.place);
    }
    call->reply(response.SerializeAsString());
  };
  // A replica that has just removed itself cannot ask anybody, and has seen what it decided.
  context_.replica.removed() ? answer({}) : context_.replica.read_barrier(answer);
}

void PolisCell::on_change(const http::CallPtr& call, std::string_view bytes) {
  v1::ChangeRequest request;
  if (!store::parse(request, bytes)) return call->finish(etcd::to_grpc(store::status::malformed()));
  if (!request.peer().empty()) {
    auto peer = io::parse_address(request.peer(), settings_.peers_tls.no_scheme());
    if (!peer || peer->unspecified() || peer->is_unix()) {
      return call->finish(
          etcd::to_grpc({store::Code::kInvalidArgument,
                         "polis: '" + request.peer() +
                             "' must be HOST:PORT by which the other replicas reach the member" +
                             (peer ? "" : ": " + peer.error().text)}));
    }
    if (const std::string wrong =
            wrong_scheme(settings_.peers_tls, context_.replica.status().configuration,
                         consensus::ReplicaId(request.id()), *peer);
        !wrong.empty())
      return call->finish(etcd::to_grpc({store::Code::kInvalidArgument, "polis: " + wrong}));
    request.set_peer(peer->text());  // one form for all
  }
  context_.replica.change_members(change_in(request),
                                  [this, call](const replica::ChangeOutcome& outcome) {
                                    if (!outcome.status.ok())
                                      return call->finish(etcd::to_grpc(outcome.status));
                                    answer_with_members(call, outcome.member.value);
                                  });
}

void PolisCell::on_status(const http::CallPtr& call) {
  consensus::Status log = context_.replica.status();
  const store::Store& store = context_.replica.store();
  const Instant now = reactor_.now();
  v1::StatusResponse response;
  response.set_id(context_.member_id);
  response.set_name(settings_.name);
  response.set_version(host::kVersion);
  response.set_cell_version(store.cell_version());
  response.set_cell_version_newest(store::kCellVersionNewest);
  response.set_role(to_string(log.role.role));
  response.set_term(log.role.term.value);
  response.set_master(log.role.master.value);
  response.set_commit(log.commit.value);
  response.set_applied(store.applied().value);
  response.set_saved(store.durable_mark().index.value);
  response.set_revision(store.revision());
  response.set_log_bytes(log.log_bytes);
  response.set_engine_bytes(engine_.bytes_on_disk());
  if (log.role.role == consensus::Role::kMaster) {
    auto* lease = response.mutable_lease();
    lease->set_reads(settings_.lease.reads == consensus::Reads::kLease ? "lease" : "quorum");
    lease->set_left_us(std::max<std::int64_t>(microseconds(log.lease_until - now), 0));
    lease->set_length_us(microseconds(settings_.lease.length));
  }
  for (const consensus::Member& member : log.configuration.members) {
    if (member.id.value == context_.member_id) continue;
    auto* one = response.add_peers();
    one->set_id(member.id.value);
    peers::PeerState state = links_.state(member.id);
    one->set_refuses(state.refusal);
    one->set_heard_us_ago(state.heard == Instant() ? -1 : microseconds(now - state.heard));
    for (const consensus::PeerProgress& progress : log.peers) {
      if (progress.id != member.id) continue;
      one->set_match(progress.match.value);
      one->set_receives_snapshot(progress.snapshotting);
    }
  }
  auto* deciding = response.mutable_deciding();
  deciding->set_quorum(consensus::to_string(log.configuration.quorum));
  for (consensus::ReplicaId id : log.configuration.voters) deciding->add_voters(id.value);
  for (consensus::ReplicaId id : log.configuration.voters_outgoing)
    deciding->add_voters_outgoing(id.value);
  for (const consensus::Member& member : log.configuration.members) {
    if (!member.place.empty()) (*deciding->mutable_places())[member.id.value] = member.place;
  }
  for (const std::string& warning : warnings_) response.add_warnings(warning);
  if (auto shown = certificate_of(networks_.for_clients()))
    *response.mutable_client_certificate() = std::move(*shown);
  if (auto shown = certificate_of(networks_.for_peers()))
    *response.mutable_peer_certificate() = std::move(*shown);
  response.set_disk_free(context_.replica.disk_free());
  response.set_disk_free_min(settings_.disk_free_min);
  response.set_sync_us_average(microseconds(context_.replica.sync_times().average));
  response.set_sync_us_worst(microseconds(context_.replica.sync_times().worst));
  response.set_boot_clock_ns(now.time_since_epoch().count());
  response.set_wall_clock_ns(io::wall_clock_nanoseconds());
  response.set_uptime_us(microseconds(now - started_));
  response.set_election_timeout_us(microseconds(settings_.election_timeout_min));
  response.set_clock_drift_max(settings_.lease.drift_max);
  call->reply(response.SerializeAsString());
}

}  // namespace polis::cell
