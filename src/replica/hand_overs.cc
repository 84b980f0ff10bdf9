#include "replica/hand_overs.hh"

#include <algorithm>

namespace polis::replica {
namespace {

// Syncs of a mastership before their average says anything.
constexpr std::uint64_t kSlowSyncsMin = 8;
// Between two hand-overs for a slow disk.
constexpr Duration kSlowHandOverInterval = std::chrono::seconds(30);
// Between two for a full one, if another member has room.
constexpr Duration kFullHandOverInterval = std::chrono::seconds(3);

}  // namespace

HandOvers::HandOvers(const Options& options, Needs needs)
    : options_(options), needs_(std::move(needs)) {}

void HandOvers::begin(ReplicaId target, Answered done) {
  const Instant now = needs_.loop.now();
  // One that is asked for again goes on as it is: the log gives up what nobody takes over in time.
  auto under_way = std::ranges::find(under_way_, target, &HandOver::target);
  Instant deadline = now + options_.consensus.election_timeout_max;
  if (under_way != under_way_.end()) {
    deadline = under_way->deadline;
  } else if (auto begun = needs_.log.transfer(target, now); !begun) {
    return done(begun.error().code == ErrorCode::kInvalid ? store::status::bad_transferee()
                                                          : store::status::no_leader(),
                {});
  }
  under_way_.push_back({target, deadline, std::move(done)});
}

void HandOvers::begin_to_best(std::function<void()> done) {
  if (!needs_.situation.is_master() || needs_.situation.ended) return done();
  // Without room only if nobody has any.
  ReplicaId best;
  std::pair<bool, LogIndex> best_stands;
  const consensus::Status status = needs_.log.status();
  for (const consensus::PeerProgress& peer : status.peers) {
    if (!status.configuration.is_voter(peer.id) || peer.snapshotting) continue;
    const std::pair stands(needs_.has_room(peer.id), peer.match);
    if (stands >= best_stands) {
      best_stands = stands;
      best = peer.id;
    }
  }
  if (best == consensus::kNoReplica) return done();
  begin(best, [done = std::move(done)](const Status&, const std::string&) { done(); });
}

void HandOvers::end() {
  for (HandOver& ended : std::exchange(under_way_, {}))
    ended.done(store::status::leader_changed(), {});
}

void HandOvers::expire() {
  const Instant now = needs_.loop.now();
  std::vector<HandOver> late;
  std::erase_if(under_way_, [&](HandOver& each) {
    if (now < each.deadline) return false;
    late.push_back(std::move(each));
    return true;
  });
  for (HandOver& each : late) each.done(store::status::transfer_timed_out(), {});
}

void HandOvers::maybe_leave_bad_disk(const DiskState& disk) {
  const Instant now = needs_.loop.now();
  if (!needs_.situation.is_master() || now < bad_disk_not_before_) return;
  const bool waits = disk.sync_waits_since.has_value();
  const bool slow = waits && disk.syncs.average > options_.slow_sync &&
                    disk.syncs.count - syncs_before_mastership_ >= kSlowSyncsMin;
  const bool stuck = waits && now - *disk.sync_waits_since > 5 * options_.slow_sync;
  if (!slow && !stuck && !disk.is_full) return;
  // If all disks are like this one, mastership does not go round in circles.
  bad_disk_not_before_ = now + (slow || stuck ? kSlowHandOverInterval : kFullHandOverInterval);
  ++needs_.counters.slow_hand_overs;
  begin_to_best([] {});
}

}  // namespace polis::replica
