#include "etcd/maintenance.hh"

#include <fmt/format.h>

#include "api/etcd/rpc.pb.h"
#include "host/version.hh"
#include "store/hash_cursor.hh"
#include "store/parse.hh"

namespace polis::etcd {
namespace {

using namespace etcdserverpb;
using store::parse;

// HashKV, in slices.
class HashJob final : public LongReads::Job {
 public:
  HashJob(const Context& context, http::CallPtr call, std::uint64_t revision)
      : context_(context), call_(std::move(call)), revision_(revision) {
    cursor_.emplace(context_.replica.store(), revision);
  }
  bool run(std::uint64_t& work) override {
    if (!call_->open()) return true;
    if (!cursor_->run(work)) return false;
    const store::Store& store = context_.replica.store();
    HashKVResponse response;
    response.set_hash(cursor_->hash());
    response.set_hash_revision(static_cast<std::int64_t>(revision_));
    response.set_compact_revision(
        store.compacted() == 0 ? -1 : static_cast<std::int64_t>(store.compacted()));
    answer(call_, context_, {{}, response.SerializeAsString(), store.revision()});
    return true;
  }
  void on_store_replaced() override {
    cursor_.reset();
    call_->finish(to_grpc(store::status::leader_changed()));
  }

 private:
  Context context_;
  http::CallPtr call_;
  std::uint64_t revision_;
  std::optional<store::HashCursor> cursor_;
};

}  // namespace

MaintenanceService::MaintenanceService(Context context, http::Server& server,
                                       const storage::Engine& engine)
    : context_(context), engine_(engine) {
  server.add_unary("/etcdserverpb.Maintenance/Status",
                   [this](const http::CallPtr& c, std::string_view) { on_status(c); });
  server.add_unary("/etcdserverpb.Maintenance/Alarm",
                   [this](const http::CallPtr& c, std::string_view r) { on_alarm(c, r); });
  server.add_unary("/etcdserverpb.Maintenance/HashKV",
                   [this](const http::CallPtr& c, std::string_view r) { on_hash_kv(c, r); });
  server.add_unary("/etcdserverpb.Maintenance/MoveLeader",
                   [this](const http::CallPtr& c, std::string_view r) { on_move_leader(c, r); });
}

void MaintenanceService::on_status(const http::CallPtr& call) {
  consensus::Status log = context_.replica.status();
  StatusResponse response;
  response.set_version(host::kEtcdApiVersion);
  response.set_dbsize(static_cast<std::int64_t>(engine_.bytes_on_disk()));
  response.set_dbsizeinuse(static_cast<std::int64_t>(engine_.bytes_in_use()));
  response.set_storageversion(host::kEtcdClusterVersion);
  // There is no quota: it may grow as far as the disk has space.
  response.set_dbsizequota(
      static_cast<std::int64_t>(engine_.bytes_on_disk() + context_.replica.disk_free()));
  response.mutable_downgradeinfo()->set_enabled(false);
  response.set_leader(log.role.master.value);
  response.set_raftindex(log.commit.value);
  response.set_raftterm(log.role.term.value);
  response.set_raftappliedindex(context_.replica.store().applied().value);
  response.set_islearner(log.role.role == consensus::Role::kLearner);
  if (log.role.master == consensus::kNoReplica) response.add_errors("etcdserver: no leader");
  for (consensus::ReplicaId member : context_.replica.full_members())
    response.add_errors(fmt::format("memberID:{} alarm:NOSPACE ", member.value));
  answer(call, context_, {{}, response.SerializeAsString(), context_.replica.store().revision()});
}

void MaintenanceService::on_alarm(const http::CallPtr& call, std::string_view bytes) {
  AlarmRequest request;
  if (!parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  if (request.action() == AlarmRequest::ACTIVATE) {
    return call->finish(to_grpc({store::Code::kUnimplemented,
                                 "polis: alarms are raised and cleared by the state they report"}));
  }
  AlarmResponse response;
  for (consensus::ReplicaId member : context_.replica.full_members()) {
    auto* alarm = response.add_alarms();
    alarm->set_memberid(member.value);
    alarm->set_alarm(NOSPACE);
  }
  answer(call, context_, {{}, response.SerializeAsString(), context_.replica.store().revision()});
}

void MaintenanceService::on_hash_kv(const http::CallPtr& call, std::string_view bytes) {
  HashKVRequest request;
  if (!parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  const store::Store& store = context_.replica.store();
  auto revision =
      request.revision() <= 0 ? store.revision() : static_cast<std::uint64_t>(request.revision());
  if (store::Status refused = store.readable(revision); !refused.ok())
    return call->finish(to_grpc(refused));
  if (!context_.long_reads.add(std::make_unique<HashJob>(context_, call, revision)))
    call->finish(to_grpc(store::status::too_many_requests()));
}

void MaintenanceService::on_move_leader(const http::CallPtr& call, std::string_view bytes) {
  MoveLeaderRequest request;
  if (!parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  std::string body;
  Writer(body).u64(request.targetid());
  context_.replica.ask(replica::Question::kTransfer, body,
                       [this, call](const store::Status& status, const std::string&) {
                         answer(call, context_, {status, {}, context_.replica.store().revision()});
                       });
}

}  // namespace polis::etcd
