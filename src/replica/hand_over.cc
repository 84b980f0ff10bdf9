// Mastership goes to another one: because somebody asks for it, this process is to end, or its disk
// is slow or full.

#include "replica/replica.hh"

namespace polis::replica {
namespace {

// Syncs of a mastership before their average says anything.
constexpr std::uint64_t kSlowSyncsMin = 8;
// Between two hand-overs for a slow disk.
constexpr Duration kSlowHandOverInterval = std::chrono::seconds(30);
// Between two for a full one, if another member has room.
constexpr Duration kFullHandOverInterval = std::chrono::seconds(3);

}  // namespace

void Replica::hand_over_to(ReplicaId target, const Answered& done) {
  // One that is asked for again goes on as it is: the log gives up what nobody takes over in time.
  auto under_way = std::ranges::find(hand_overs_, target, &HandOver::target);
  Instant deadline = env_.loop.now() + options_.consensus.election_timeout_max;
  if (under_way != hand_overs_.end()) {
    deadline = under_way->deadline;
  } else if (auto begun = log_->transfer(target, env_.loop.now()); !begun) {
    return done(begun.error().code == ErrorCode::kInvalid ? store::status::bad_transferee()
                                                          : store::status::no_leader(),
                {});
  }
  hand_overs_.push_back({target, deadline, done});
}

void Replica::hand_over(std::function<void()> done) {
  if (!is_master() || failed_) return done();
  // The one with room that is furthest; without room only if nobody has any.
  ReplicaId best;
  std::pair<bool, LogIndex> best_stands;
  consensus::Status status = log_->status();
  for (const consensus::PeerProgress& peer : status.peers) {
    if (!status.configuration.is_voter(peer.id) || peer.snapshotting) continue;
    const std::pair stands(space_.has_room(peer.id, options_.identity.replica, env_.loop.now()),
                           peer.match);
    if (stands >= best_stands) {
      best_stands = stands;
      best = peer.id;
    }
  }
  if (best == consensus::kNoReplica) return done();
  hand_over_to(best, [done = std::move(done)](const Status&, const std::string&) { done(); });
}

// Mastership went: whoever asked will hear from the next master whether that is the one meant.
void Replica::end_hand_overs() {
  for (HandOver& ended : std::exchange(hand_overs_, {}))
    ended.done(store::status::leader_changed(), {});
}

void Replica::expire_hand_overs() {
  const Instant now = env_.loop.now();
  std::vector<HandOver> late;
  std::erase_if(hand_overs_, [&](HandOver& each) {
    if (now < each.deadline) return false;
    late.push_back(std::move(each));
    return true;
  });
  for (HandOver& each : late) each.done(store::status::transfer_timed_out(), {});
}

void Replica::maybe_leave_slow_disk() {
  Instant now = env_.loop.now();
  if (!is_master() || now < slow_hand_over_not_before_) return;
  // Another one that has room should take what needs space.
  const bool full = disk_full() && !cell_is_full();
  const bool slow = !held_.empty() && sync_times_.average > options_.slow_sync &&
                    sync_times_.count - syncs_before_mastership_ >= kSlowSyncsMin;
  const bool stuck = !held_.empty() && now - held_.front().since > 5 * options_.slow_sync;
  if (!slow && !stuck && !full) return;
  // If all disks are like this one, mastership does not go round in circles.
  slow_hand_over_not_before_ =
      now + (slow || stuck ? kSlowHandOverInterval : kFullHandOverInterval);
  ++counters_.slow_hand_overs;
  hand_over([] {});
}

}  // namespace polis::replica
