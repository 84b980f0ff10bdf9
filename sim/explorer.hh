#pragma once

// Explores every state that a few replicas of the real code can reach: messages are delivered in
// every order, twice or never; timers fire; disks are slow; replicas crash; each up to a bound. The
// search goes depth first. A state that was seen before is not entered again.
//
// Lost messages need no step of their own: a message is lost if it is not delivered before the end
// of a way, and each state is checked when it is entered, so each state is the end of some way. For
// the same reason no replica needs to stay down.
//
// States that differ only in which replica is which count as one. Raft uses ids only as names, so
// any renaming of the replicas is allowed. Paxos orders ballots by id, so a renaming must keep the
// order of the replicas that have begun an election, and of all replicas while more elections may
// begin.
//
// A state is remembered by 64 bits of a hash ("hash compaction", Wolper and Leroy 1993). With a
// million states, the chance that some state is taken for another one and left out is about one in
// forty million. A disk makes durable all that it was given, or nothing yet.
//
// Source: Holzmann, "The SPIN Model Checker" (2003), chapters 8 and 9; Ip and Dill, "Better
// Verification Through Symmetry" (1996).

#include <absl/container/flat_hash_set.h>
#include <absl/hash/hash.h>

#include <set>

#include "consensus/testing/cluster.hh"
#include "consensus/testing/digest.hh"
#include "sim/explore.hh"

namespace polis::consensus::testing {

template <class Kind>
struct Inspector<Cluster<Kind>> {
  using C = Cluster<Kind>;

  static const typename Kind::Core& core(const C& cluster, std::uint64_t id) {
    return *cluster.nodes_.at(id).core;
  }
  static bool disk_is_busy(const C& cluster, std::uint64_t id) {
    return !cluster.nodes_.at(id).pending.empty();
  }
  static const Committed& committed(const C& cluster) { return cluster.committed_; }

  static std::string bytes(const C& cluster, const Digest::Names& names) {
    Digest out(names, cluster.now_);
    out.by_replica(by_id(cluster.nodes_),
                   [&](Digest& d, const typename C::Node* node) { put(d, *node, cluster.now_); });
    put_messages(out, cluster.network_);
    for (auto& [index, what] : cluster.committed_) {
      out.index(index);
      out.number(what.first.value);
      out.text(what.second);
    }
    Inspector<typename Kind::Checker>::put(out, cluster.checker_);
    return std::move(out).bytes();
  }

 private:
  static std::map<ReplicaId, const typename C::Node*> by_id(
      const std::map<std::uint64_t, typename C::Node>& nodes) {
    std::map<ReplicaId, const typename C::Node*> all;
    for (auto& [id, node] : nodes) all[ReplicaId(id)] = &node;
    return all;
  }

  template <class Messages>
  static void put_messages(Digest& out, const Messages& messages) {
    std::vector<std::string> all;
    for (const auto& message : messages) {
      Digest one = out.part();
      Inspector<typename Kind::Core>::put(one, message);
      all.push_back(std::move(one).bytes());
    }
    out.set(std::move(all));
  }

  static void put(Digest& out, const HardState& state) {
    out.number(state.term.value);
    out.replica(state.vote);
    out.index(state.commit);
  }

  static void put(Digest& out, const typename C::Node& node, Instant now) {
    Inspector<typename Kind::Core>::put(out, *node.core, now);
    put(out, node.disk.hard_state);
    for (auto& [index, entry] : node.disk.entries) out.entry(entry);
    out.number(node.pending.size());
    for (const auto& pending : node.pending) {
      out.flag(pending.hard_state.has_value());
      if (pending.hard_state) put(out, *pending.hard_state);
      out.entries(pending.entries);
      put_messages(out, pending.then_send);
    }
    out.number(node.applied.size());
    for (auto& [id, index] : node.asked_at) {
      out.number(id.value);
      out.index(index);
    }
  }
};

}  // namespace polis::consensus::testing

namespace polis::sim {

using consensus::LogIndex;
using consensus::Reads;
using consensus::Role;
using consensus::testing::Cluster;
using consensus::testing::Digest;
using consensus::testing::Inspector;
using consensus::testing::InvariantBroken;

template <class Kind>
class Explorer {
 public:
  explicit Explorer(const ExploreBounds& bounds) : bounds_(bounds) {
    Digest::Names names(bounds.replicas + 1);
    for (std::uint64_t i = 0; i < names.size(); ++i) names[i] = i;
    do {
      renamings_.push_back(names);
    } while (bounds.fold && std::next_permutation(names.begin() + 1, names.end()));
  }

  Explored run() {
    try {
      Cluster<Kind> cluster({.voters = bounds_.replicas,
                             .pre_vote = false,
                             .reads = Reads::kQuorum,
                             .persist_at_once = !bounds_.slow_disks});
      seen_.insert(hash(cluster, {bounds_, 0}));
      explore(cluster, {bounds_, 0});
      report_.complete = seen_.size() < bounds_.states_max;
    } catch (const InvariantBroken& broken) {
      report_.violation = broken.what();
    }
    report_.states = seen_.size();
    for (const std::string& line : way_) report_.violation += "\n" + line;
    return std::move(report_);
  }

 private:
  // The events that are left, and the replicas that have begun an election: bit `id`.
  struct Left : ExploreBounds {
    std::uint64_t stood = 0;
  };

  // Every step from here, each tried on a copy.
  void explore(const Cluster<Kind>& from, const Left& left) {
    if (seen_.size() >= bounds_.states_max) return;
    for (std::uint64_t id = 1; id <= bounds_.replicas; ++id) explore_replica(from, left, id);
    std::set<std::string> tried;  // of two messages that are the same, one
    std::size_t place = 0;
    for (const auto& message : from.network()) {
      if (tried.insert(message_bytes(message, renamings_.front(), from)).second) {
        explore_message(from, left, place, false);
        if (left.duplicates > 0) explore_message(from, left, place, true);
      }
      ++place;
    }
  }

  void explore_replica(const Cluster<Kind>& from, const Left& left, std::uint64_t id) {
    const bool master = Inspector<Cluster<Kind>>::core(from, id).role() == Role::kMaster;
    if (left.timeouts > 0) {
      Left then = less(left, &ExploreBounds::timeouts);
      then.stood |= 1ULL << id;
      try_step(
          from, then, [=](auto& c) { c.campaign(id); },
          [=] { return fmt::format("{} hears nothing for long enough", id); });
    }
    if (left.heartbeats > 0 && master) {
      try_step(
          from, less(left, &ExploreBounds::heartbeats), [=](auto& c) { c.beat(id); },
          [=] { return fmt::format("{} sends its heartbeats", id); });
    }
    if (left.proposals > 0 && master) {
      const std::string text = fmt::format("v{}", left.proposals);
      try_step(
          from, less(left, &ExploreBounds::proposals), [=](auto& c) { c.propose(id, text); },
          [=] { return fmt::format("{} proposes {}", id, text); });
    }
    if (left.reads > 0) {
      const auto read = static_cast<std::uint64_t>(left.reads);
      try_step(
          from, less(left, &ExploreBounds::reads), [=](auto& c) { c.read(id, read); },
          [=] { return fmt::format("{} is asked to read", id); });
    }
    if (Inspector<Cluster<Kind>>::disk_is_busy(from, id)) {
      try_step(
          from, left, [=](auto& c) { c.persist(id); },
          [=] { return fmt::format("the disk of {} is done", id); });
    }
    if (left.crashes > 0) {
      auto crash = [=](auto& c) {
        c.crash(id);
        c.restart(id);
      };
      try_step(from, less(left, &ExploreBounds::crashes), crash,
               [=] { return fmt::format("{} crashes and starts again", id); });
    }
  }

  void explore_message(const Cluster<Kind>& from, const Left& left, std::size_t place, bool stays) {
    auto deliver = [=](auto& cluster) {
      auto at = std::next(cluster.network().begin(), static_cast<long>(place));
      auto message = *at;
      if (!stays) cluster.network().erase(at);
      cluster.deliver(message);
    };
    try_step(from, stays ? less(left, &ExploreBounds::duplicates) : left, deliver, [&] {
      return describe(*std::next(from.network().begin(), static_cast<long>(place))) +
             (stays ? ", which will arrive once more" : "");
    });
  }

  template <class Step, class Describe>
  void try_step(const Cluster<Kind>& from, const Left& left, Step step, Describe describe) {
    Cluster<Kind> to = from;
    try {
      ++report_.transitions;
      ++depth_;
      step(to);
      report_.deepest = std::max(report_.deepest, depth_);
      report_.committed_most = std::max<std::uint64_t>(
          report_.committed_most, Inspector<Cluster<Kind>>::committed(to).size());
      if (seen_.insert(hash(to, left)).second) explore(to, left);
      --depth_;
    } catch (const InvariantBroken&) {
      way_.insert(way_.begin(), describe());
      throw;
    }
  }

  static Left less(Left bounds, int ExploreBounds::* of) {
    --(bounds.*of);
    return bounds;
  }

  static std::string message_bytes(const typename Kind::Core::Message& message,
                                   const Digest::Names& names, const Cluster<Kind>& cluster) {
    Digest one(names, cluster.now());
    Inspector<typename Kind::Core>::put(one, message);
    return std::move(one).bytes();
  }

  std::uint64_t hash(const Cluster<Kind>& cluster, const Left& left) const {
    const std::uint64_t ordered = left.timeouts > 0 ? ~0ULL : left.stood;
    std::string smallest;
    for (const Digest::Names& names : renamings_) {
      if (Kind::kIdsAreOrdered && !keeps_order(names, ordered)) continue;
      std::string bytes = Inspector<Cluster<Kind>>::bytes(cluster, names);
      if (smallest.empty() || bytes < smallest) smallest = std::move(bytes);
    }
    for (int count : {left.timeouts, left.proposals, left.crashes, left.heartbeats, left.duplicates,
                      left.reads})
      smallest += fmt::format(",{}", count);
    return absl::HashOf(smallest);
  }

  static bool keeps_order(const Digest::Names& names, std::uint64_t whose) {
    std::uint64_t last = 0;
    for (std::uint64_t id = 1; id < names.size(); ++id) {
      if ((whose >> id & 1) == 0) continue;
      if (names[id] < last) return false;
      last = names[id];
    }
    return true;
  }

  const ExploreBounds bounds_;
  std::vector<Digest::Names> renamings_;  // the first changes nothing
  absl::flat_hash_set<std::uint64_t> seen_;
  std::uint64_t depth_ = 0;
  std::vector<std::string> way_;  // to a violation
  Explored report_;
};

}  // namespace polis::sim
