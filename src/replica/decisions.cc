// What a master decides by its clock and not for a client: the end of leases, compaction, the
// cell's version.
//
// A decision belongs to the mastership that made it. A master that stood still for seconds goes on
// with a clock that says that leases are over, and does not know yet that another master has
// renewed them. So that its decisions have no effect then:
//   - A new master first names its mastership in the log, and only then answers renewals, keeps
//     leases and decides. A decision carries its mastership; the store carries it out only while
//     the log is that mastership's. It does not matter who proposes the decision again, and where:
//     a Paxos master has to propose what it finds accepted.
//   - A bundle with decisions goes to no other master.
//   - Before a lease ends, a quorum confirms the mastership.
// Before cell version 3 the last two rules alone hold. With Raft they suffice: an entry of an
// earlier term stands before the new master's first one, or nowhere.

#include "api/etcd/rpc.pb.h"
#include "replica/replica.hh"

namespace polis::replica {
namespace {

// Leases ended in one turn, so that a million that end together do not stop everything else.
constexpr std::size_t kLeasesEndedPerTurn = 256;
// The loop stood still if the leases were not looked at for this long; they are every 20 ms.
constexpr Duration kStallMin = std::chrono::milliseconds(120);
// What arrived meanwhile, here and at others who forward it, is read within this time.
constexpr Duration kStallGrace = std::chrono::seconds(1);

}  // namespace

void Replica::on_new_mastership() {
  // Bundles of this turn for a log that is not this master's any more; their origins send them
  // again.
  proposal_.clear();
  ask_reads_again();
  drop_decisions_of_others();
  lease_keeper_.stop();
  answer_lease_questions();
  ending_leases_ = false;
  if (!is_master()) return;
  auto_compaction_.reset();
  syncs_before_mastership_ = sync_times_.count;
  maybe_name_mastership();
  maybe_keep_leases();
}

// --- decisions

// The log says so.
bool Replica::log_is_this_masters() const {
  return is_master() && (store_.cell_version() < store::kCellVersionMasterships ||
                         store_.mastership() == mastership());
}

// Also in the reserve of a full disk: decisions make space, or take little.
bool Replica::may_decide() const {
  return log_is_this_masters() && !stands_still() && space_.own() != DiskSpace::Level::kExhausted;
}

// Proposes them in one bundle.
void Replica::decide(std::vector<OwnDecision> decisions) {
  const Instant now = env_.loop.now();
  const bool bound = store_.cell_version() >= store::kCellVersionMasterships;
  store::Bundle collected;
  PendingBundle pending;
  for (OwnDecision& each : decisions) {
    if (bound && each.kind != CommandKind::kMastership) {
      collected.add(CommandKind::kDecision,
                    store::encode({.by = mastership(), .command = {each.kind, each.bytes}}));
    } else {
      collected.add(each.kind, each.bytes);
    }
    pending.requests.push_back(std::move(each.done));
  }
  const std::uint64_t number = next_bundle_++;
  collected.take({options_.identity.replica, options_.incarnation, number}, pending.bytes);
  pending_bytes_ += pending.bytes.size();
  pending.decided_by = mastership();
  pending.deadline = now + options_.request_timeout;
  send_bundle(bundles_[number] = std::move(pending));
}

void Replica::drop_decisions_of_others() {
  std::vector<Request> dropped;
  for (auto i = bundles_.begin(); i != bundles_.end();) {
    PendingBundle& bundle = i->second;
    if (!bundle.decided_by || bundle.decided_by == mastership()) {
      ++i;
      continue;
    }
    pending_bytes_ -= std::min(pending_bytes_, bundle.bytes.size());
    std::move(bundle.requests.begin(), bundle.requests.end(), std::back_inserter(dropped));
    i = bundles_.erase(i);
  }
  for (Request& request : dropped) {
    if (request) request({store::status::leader_changed(), {}, store_.revision()});
  }
}

void Replica::maybe_name_mastership() {
  if (!is_master() || log_is_this_masters() || stands_still() || naming_mastership_) return;
  std::string bytes;
  Writer out(bytes);
  encode(out, mastership());
  naming_mastership_ = true;
  // What comes of it is seen in the store.
  decide({{CommandKind::kMastership, std::move(bytes),
           [this](const Reply&) { naming_mastership_ = false; }}});
}

// --- leases

void Replica::on_lease(std::int64_t id, std::int64_t ttl, bool granted) {
  if (granted) {
    lease_keeper_.on_granted(id, ttl, env_.loop.now());
  } else {
    lease_keeper_.on_revoked(id);
    answer_lease_questions();
  }
}

void Replica::maybe_keep_leases() {
  if (lease_keeper_.keeping() || !log_is_this_masters()) return;
  leases_looked_at_ = env_.loop.now();
  lease_keeper_.start(store_.leases(), leases_looked_at_);
  answer_lease_questions();
}

void Replica::answer_lease_questions() {
  for (auto& again : std::exchange(lease_questions_, {})) again();
}

// A quorum has confirmed, since the question was asked, that this was the master.
void Replica::answer_lease(Question question, std::int64_t id, Instant asked,
                           const Answered& done) {
  if (!is_master()) return done(store::status::leader_changed(), {});
  const store::Lease* lease = store_.leases().find(id);
  if (lease == nullptr) return done(store::status::lease_not_found(), {});
  if (!lease_keeper_.keeping() || lease_keeper_.is_ending(id)) {
    lease_questions_.push_back(
        [this, question, id, asked, done] { answer_lease(question, id, asked, done); });
    return;
  }
  std::string body;
  Writer out(body);
  if (question == Question::kLeaseRenew) {
    lease_keeper_.renew(id, lease->ttl, asked);
    out.i64(lease->ttl);
  } else {
    auto remaining = lease_keeper_.remaining(id, env_.loop.now());
    out.i64(remaining ? std::chrono::ceil<std::chrono::seconds>(*remaining).count() : 0);
  }
  done({}, std::move(body));
}

void Replica::maybe_end_leases() {
  const Instant now = env_.loop.now();
  const Instant before = std::exchange(leases_looked_at_, now);
  if (!lease_keeper_.keeping()) return;
  const bool stood_still = now - before >= kStallMin;
  if (stood_still) lease_keeper_.on_stall(before, now, kStallGrace);
  if (ending_leases_ || !may_decide() || !lease_keeper_.has_ended(now)) return;
  // Renewals that arrive before the answer, or have arrived and wait for the same one, still count.
  ending_leases_ = true;
  read_barrier([this, noticed = now, by = mastership()](const Status& status) {
    if (by != mastership()) return;
    ending_leases_ = false;
    if (status.ok() && may_decide()) end_leases(noticed);
  });
}

void Replica::end_leases(Instant noticed) {
  std::vector<OwnDecision> ends;
  for (std::int64_t id : lease_keeper_.take_ended(noticed, kLeasesEndedPerTurn)) {
    etcdserverpb::LeaseRevokeRequest request;
    request.set_id(id);
    auto done = [this, id](const Reply& reply) {
      if (reply.status.ok()) return;
      lease_keeper_.on_revoke_failed(id, env_.loop.now());
      answer_lease_questions();
    };
    ends.push_back({CommandKind::kLeaseRevoke, request.SerializeAsString(), std::move(done)});
  }
  if (!ends.empty()) decide(std::move(ends));
}

// --- history and version

void Replica::maybe_compact_history() {
  if (!options_.auto_compaction.on() || !may_decide() || auto_compacting_) return;
  auto revision = auto_compaction_.due(env_.loop.now(), store_.revision(), store_.compacted());
  if (!revision) return;
  etcdserverpb::CompactionRequest request;
  request.set_revision(static_cast<std::int64_t>(*revision));
  auto_compacting_ = true;
  // Whatever comes of it, the next look shows what is left to do.
  decide({{CommandKind::kCompact, request.SerializeAsString(),
           [this](const Reply&) { auto_compacting_ = false; }}});
}

// Raises the cell's version when every member runs a release that knows a newer one. There is no
// way back: after that, an older release does not start on any member.
void Replica::maybe_raise_cell_version() {
  CellVersion version = options_.cell_version_newest;
  if (!may_decide() || raising_cell_version_ || version <= store_.cell_version()) return;
  for (ReplicaId id : store_.applied_mark().configuration.everyone()) {
    if (id != options_.identity.replica)
      version = std::min(version, env_.transport.cell_version_of(id));
  }
  if (version <= store_.cell_version()) return;
  std::string bytes;
  Writer(bytes).varint(version);
  raising_cell_version_ = true;
  decide({{CommandKind::kCellVersion, std::move(bytes),
           [this](const Reply&) { raising_cell_version_ = false; }}});
}

}  // namespace polis::replica
