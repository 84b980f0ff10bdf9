#include "replica/kept_leases.hh"

#include "api/etcd/rpc.pb.h"

namespace polis::replica {
namespace {

// Leases ended in one turn, so that a million that end together do not stop everything else.
constexpr std::size_t kLeasesEndedPerTurn = 256;
// The loop stood still if the leases were not looked at for this long; they are every 20 ms.
constexpr Duration kStallMin = std::chrono::milliseconds(120);
// What arrived meanwhile, here and at others who forward it, is read within this time.
constexpr Duration kStallGrace = std::chrono::seconds(1);

}  // namespace

KeptLeases::KeptLeases(Needs needs) : needs_(std::move(needs)) {}

void KeptLeases::answer(Question question, std::int64_t id, Instant asked, const Answered& done) {
  needs_.confirm([this, question, id, asked, done](const Status& status) {
    if (!status.ok()) return done(status, {});
    answer_confirmed(question, id, asked, done);
  });
}

// A quorum has confirmed, since the question was asked, that this was the master.
void KeptLeases::answer_confirmed(Question question, std::int64_t id, Instant asked,
                                  const Answered& done) {
  if (!needs_.situation.is_master()) return done(store::status::leader_changed(), {});
  const store::Lease* lease = needs_.store.leases().find(id);
  if (lease == nullptr) return done(store::status::lease_not_found(), {});
  if (!keeper_.keeping() || keeper_.is_ending(id)) {
    waiting_.push_back(
        [this, question, id, asked, done] { answer_confirmed(question, id, asked, done); });
    return;
  }
  std::string body;
  Writer out(body);
  if (question == Question::kLeaseRenew) {
    keeper_.renew(id, lease->ttl, asked);
    out.i64(lease->ttl);
  } else {
    auto remaining = keeper_.remaining(id, needs_.loop.now());
    out.i64(remaining ? std::chrono::ceil<std::chrono::seconds>(*remaining).count() : 0);
  }
  done({}, std::move(body));
}

void KeptLeases::answer_waiting() {
  for (auto& again : std::exchange(waiting_, {})) again();
}

void KeptLeases::stop() {
  keeper_.stop();
  answer_waiting();
  ending_ = false;
}

void KeptLeases::maybe_start() {
  if (keeper_.keeping() || !needs_.decisions.log_is_this_masters()) return;
  looked_at_ = needs_.loop.now();
  keeper_.start(needs_.store.leases(), looked_at_);
  answer_waiting();
}

void KeptLeases::on_lease(std::int64_t id, std::int64_t ttl, bool granted) {
  if (granted) return keeper_.on_granted(id, ttl, needs_.loop.now());
  keeper_.on_revoked(id);
  answer_waiting();
}

void KeptLeases::maybe_end_some() {
  const Instant now = needs_.loop.now();
  const Instant before = std::exchange(looked_at_, now);
  if (!keeper_.keeping()) return;
  const bool stood_still = now - before >= kStallMin;
  if (stood_still) keeper_.on_stall(before, now, kStallGrace);
  if (ending_ || !needs_.decisions.may_decide() || !keeper_.has_ended(now)) return;
  // Renewals that arrive before the answer, or have arrived and wait for the same one, still count.
  ending_ = true;
  needs_.confirm([this, noticed = now, by = needs_.situation.mastership()](const Status& status) {
    if (by != needs_.situation.mastership()) return;
    ending_ = false;
    if (status.ok() && needs_.decisions.may_decide()) end_some(noticed);
  });
}

void KeptLeases::end_some(Instant noticed) {
  std::vector<OwnCommand> ends;
  for (std::int64_t id : keeper_.take_ended(noticed, kLeasesEndedPerTurn)) {
    etcdserverpb::LeaseRevokeRequest request;
    request.set_id(id);
    auto done = [this, id](const store::Reply& reply) {
      if (reply.status.ok()) return;
      keeper_.on_revoke_failed(id, needs_.loop.now());
      answer_waiting();
    };
    ends.push_back({CommandKind::kLeaseRevoke, request.SerializeAsString(), std::move(done)});
  }
  if (!ends.empty()) needs_.decisions.decide(std::move(ends));
}

}  // namespace polis::replica
