#include "cell/polis_cell.hh"

#include "api/polis/cell.pb.h"
#include "cell/version.hh"

namespace polis::cell {
namespace {

std::int64_t microseconds(Duration d) {
  return std::chrono::duration_cast<std::chrono::microseconds>(d).count();
}

}  // namespace

PolisCell::PolisCell(EtcdContext context, http::Server& server, const io::Reactor& reactor,
                     const Settings& settings, const storage::Engine& engine)
    : context_(context), reactor_(reactor), settings_(settings), engine_(engine) {
  server.add_unary("/polis.v1.Cell/Status",
                   [this](const http::CallPtr& c, std::string_view) { on_status(c); });
}

void PolisCell::on_status(const http::CallPtr& call) {
  consensus::Status log = context_.replica.status();
  const store::Store& store = context_.replica.store();
  const Instant now = reactor_.now();
  v1::StatusResponse response;
  response.set_id(context_.member_id);
  response.set_name(settings_.name);
  response.set_version(kVersion);
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
  for (const consensus::PeerProgress& peer : log.peers) {
    auto* one = response.add_peers();
    one->set_id(peer.id.value);
    one->set_match(peer.match.value);
    one->set_heard_us_ago(microseconds(now - peer.heard));
    one->set_receives_snapshot(peer.snapshotting);
  }
  call->reply(response.SerializeAsString());
}

}  // namespace polis::cell
