#pragma once

// A random walk over a Cluster: random steps with faults, and then none any more, when progress
// must come. The seed decides everything, the configuration too, so that a seed that found a bug
// shows it again. walk() runs one.
//
// Threads: one.

#include "base/random.hh"
#include "consensus/membership.hh"
#include "consensus/testing/cluster.hh"

namespace polis::consensus::testing {

template <class Kind>
class Walk {
 public:
  explicit Walk(std::uint64_t seed)
      : random_(seed),
        voters_(1 + 2 * random_.below(3)),
        spares_(random_.below(3)),
        cluster_({.voters = voters_,
                  .learners = random_.below(2),
                  .spares = spares_,
                  .pre_vote = random_.chance(0.8),
                  .seed = seed,
                  .append_bytes_max = random_.chance(0.5) ? 10u : 1000u,
                  .snapshot_chunk_bytes = 5,
                  .reads = random_.chance(0.5) ? Reads::kLease : Reads::kQuorum,
                  .persist_at_once = random_.chance(0.3),
                  .install_at_once = seed % 2 == 0}) {
    loss_ = random_.chance(0.5) ? 0.0 : 0.2;
    crash_ = random_.chance(0.5) ? 0.0 : 0.01;
    campaign_ = random_.chance(0.5) ? 0.0 : 0.2;
  }

  // Random steps: time, proposals, reads, disks, crashes, elections, changes of members, and
  // messages that are delivered in any order, twice or never. Throws InvariantBroken.
  void faults(int steps) {
    for (int i = 0; i < steps; ++i) step();
  }

  // All nodes are up and no message is lost: a proposal must reach every member. Throws
  // InvariantBroken if none does within 8 s of the cluster's time.
  void heal_and_expect_progress() {
    for (std::uint64_t id = 1; id <= members(); ++id) {
      if (!cluster_.up(id)) cluster_.restart(id);
    }
    for (int step = 0; step < 400; ++step) {
      cluster_.advance(std::chrono::milliseconds(20));
      for (int i = 0; i < 3; ++i) {
        cluster_.settle();
        for (std::uint64_t id = 1; id <= members(); ++id) {
          cluster_.persist(id);
          cluster_.install(id);
        }
      }
      cluster_.settle();
      std::uint64_t leader = cluster_.leader();
      if (leader != 0 && !proposed_last_) proposed_last_ = cluster_.propose(leader, "last");
      if (proposed_last_ && done()) return;
      if (step % 100 == 99) proposed_last_ = false;  // it may have been lost with its leader
    }
    throw InvariantBroken("no progress after the faults stopped\n" + describe_all());
  }

 private:
  std::string describe_all() {
    std::string text;
    for (std::uint64_t id = 1; id <= members(); ++id) {
      const Status status = cluster_.core(id).status();
      text += fmt::format("{}: {} term {} first {} last {} commit {} applied {} voters", id,
                          to_string(status.role.role), status.role.term.value, status.first.value,
                          status.last.value, status.commit.value, cluster_.applied(id).size());
      const Configuration& configuration = status.configuration;
      for (ReplicaId voter : configuration.voters) text += " " + std::to_string(voter.value);
      for (ReplicaId voter : configuration.voters_outgoing)
        text += " -" + std::to_string(voter.value);
      for (ReplicaId learner : configuration.learners) text += " +" + std::to_string(learner.value);
      text += "\n";
    }
    for (const auto& m : cluster_.network()) text += describe(m) + "\n";
    return text;
  }

  std::uint64_t members() const { return cluster_.count(); }

  bool done() {
    std::uint64_t leader = cluster_.leader();
    if (leader == 0) return false;
    for (ReplicaId id : cluster_.core(leader).status().configuration.everyone()) {
      auto& applied = cluster_.applied(id.value);
      if (applied.empty() || applied != cluster_.applied(leader)) return false;
    }
    for (auto& [index, text] : cluster_.applied(leader)) {
      if (text == "last") return true;
    }
    return false;
  }

  void step() {
    std::uint64_t id = 1 + random_.below(members());
    switch (random_.below(13)) {
      case 0:
        cluster_.advance(Duration(std::chrono::milliseconds(1)) *
                         static_cast<int>(random_.below(60)));
        break;
      case 1:
        if (cluster_.up(id)) cluster_.propose(id, "v" + std::to_string(++proposals_));
        break;
      case 2:
        if (cluster_.up(id)) cluster_.read(id, ++proposals_);
        break;
      case 3:
        if (cluster_.up(id)) {
          cluster_.persist(id);
          cluster_.install(id);
        }
        break;
      case 4:
        maybe_crash_or_restart(id);
        break;
      case 5:
        maybe_compact(id);
        break;
      case 6:
        if (cluster_.up(id) && random_.chance(0.1))
          cluster_.transfer(id, 1 + random_.below(members()));
        break;
      case 7:
        if (spares_ > 0 && cluster_.up(id) && random_.chance(0.2)) change(id);
        break;
      case 8:
        // Its election timeout passes, and nobody else's.
        if (cluster_.up(id) && random_.chance(campaign_)) cluster_.campaign(id);
        break;
      default:
        move_message();
        break;
    }
  }

  void change(std::uint64_t id) {
    Configuration now = cluster_.core(id).status().configuration;
    ReplicaId other(1 + random_.below(members()));
    switch (random_.below(3)) {
      case 0: {
        ReplicaId replaces(random_.chance(0.3) ? 1 + random_.below(members()) : 0);
        cluster_.change(id, with_learner(now, {.id = other,
                                               .peer = std::to_string(other.value),
                                               .promote = random_.chance(0.7),
                                               .replaces = replaces}));
        break;
      }
      case 1:
        cluster_.change(id, with_promoted(now, other));
        break;
      default:
        cluster_.change(id, without(now, other));
    }
  }

  void maybe_crash_or_restart(std::uint64_t id) {
    if (!cluster_.up(id)) {
      if (random_.chance(0.3)) cluster_.restart(id);
    } else if (random_.chance(crash_ * 10)) {
      cluster_.crash(id);
    }
  }

  void maybe_compact(std::uint64_t id) {
    if (!cluster_.up(id) || cluster_.applied(id).size() < 3 || !random_.chance(0.1)) return;
    auto index = cluster_.applied(id).rbegin()->first.value - random_.below(3);
    if (LogIndex(index) > cluster_.core(id).status().first.previous())
      cluster_.compact(id, cluster_.applied(id).rbegin()->first.value);
  }

  void move_message() {
    auto& network = cluster_.network();
    if (network.empty()) return;
    auto chosen = network.begin();
    std::advance(chosen,
                 static_cast<long>(random_.below(std::min<std::uint64_t>(network.size(), 8))));
    auto message = *chosen;
    if (!random_.chance(loss_ / 4)) network.erase(chosen);  // else it will come again
    if (!random_.chance(loss_)) cluster_.deliver(message);
  }

  Random random_;
  std::uint64_t voters_, spares_;
  Cluster<Kind> cluster_;
  double loss_ = 0, crash_ = 0, campaign_ = 0;
  std::uint64_t proposals_ = 0;
  bool proposed_last_ = false;
};

// Runs one walk of 2,000 steps with faults, then without faults. The result is the text of what
// went wrong; nullopt: all was well.
template <class Kind>
std::optional<std::string> walk(std::uint64_t seed) {
  try {
    Walk<Kind> walk(seed);
    walk.faults(2000);
    walk.heal_and_expect_progress();
  } catch (const InvariantBroken& broken) {
    return broken.what();
  }
  return std::nullopt;
}

}  // namespace polis::consensus::testing
