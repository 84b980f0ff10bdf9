#pragma once

// What went wrong in other implementations, or would, told message by message: each needs so many
// things in a row that random walks rarely meet it.

#include <optional>
#include <string>

#include "consensus/paxos/testing/led.hh"

namespace polis::paxos::testing {

struct Play {
  const char* name;  // a fact that must hold
  void (*play)();    // throws InvariantBroken
};

// Delivers what the messages that are there lead to, with the disks of those named as well.
inline void settle(Cluster& cluster, std::initializer_list<std::uint64_t> disks) {
  for (int i = 0; i < 20; ++i) {
    cluster.settle();
    for (std::uint64_t id : disks) cluster.persist(id);
  }
}

// Simple 2.2, P2c.
inline void two_ballots_are_told_of() {
  Cluster cluster({.voters = 5, .pre_vote = false});
  cluster.campaign(1);
  cluster.settle();
  cluster.propose(1, "old");
  lose(cluster, {2, 3, 4, 5});  // on 1 alone
  cluster.isolate(1);
  cluster.campaign(2);
  cluster.settle();
  cluster.propose(2, "new");
  lose(cluster, {4});
  cluster.isolate(4);
  cluster.settle();  // on 2, 3 and 5, and applied there
  cluster.crash(2);
  cluster.crash(3);
  cluster.heal();
  cluster.crash(1);
  cluster.restart(1);
  // Nobody who answers knows that it is chosen.
  cluster.crash(5);
  cluster.restart(5);
  cluster.campaign(4);
  settle(cluster, {});
  cluster.restart(2);
  cluster.restart(3);
  for (int i = 0; i < 20; ++i) {
    cluster.advance(std::chrono::milliseconds(50));
    cluster.settle();
  }
}

// Simple 2.5: stable storage.
inline void an_acceptor_crashes_behind_its_promise() {
  Cluster cluster({.voters = 3, .pre_vote = false, .persist_at_once = false});
  cluster.campaign(1);
  settle(cluster, {1, 2});
  cluster.network().clear();
  cluster.campaign(3);
  cluster.persist(3);
  lose(cluster, {1});
  cluster.settle();  // 2 has the prepare; what it answers waits for its disk
  cluster.crash(2);
  cluster.restart(2);
  cluster.persist(3);
  // 1 is still master for itself and 2.
  cluster.isolate(3);
  cluster.propose(1, "x");
  settle(cluster, {1, 2});
  cluster.heal();
  cluster.isolate(1);
  cluster.propose(3, "y");
  for (int i = 0; i < 20; ++i) {
    cluster.advance(std::chrono::milliseconds(50));
    settle(cluster, {2, 3});
  }
}

// A ballot is used once, also by who needs nobody else's promise.
inline void a_lone_master_crashes_behind_its_promise() {
  Cluster cluster({.voters = 1, .learners = 1, .persist_at_once = false});
  cluster.campaign(1);
  cluster.propose(1, "first");
  cluster.settle();
  cluster.persist(2);
  cluster.crash(1);
  cluster.restart(1);
  for (int i = 0; i < 20; ++i) {
    cluster.advance(std::chrono::milliseconds(50));
    if (cluster.leader() == 1 && cluster.applied(1).empty()) cluster.propose(1, "second");
    settle(cluster, {1, 2});
  }
}

// Two masters of one round: what the first one allowed must not count against the second one's
// lease.
inline void a_word_to_take_over_comes_in_the_time_of_another_master() {
  Cluster cluster({.voters = 5, .pre_vote = false, .reads = consensus::Reads::kLease});
  cluster.isolate(2);
  cluster.isolate(5);
  cluster.campaign(1);
  cluster.settle();
  cluster.tick(1);
  cluster.settle();
  cluster.transfer(1, 3);
  std::optional<Message> word;
  for (const Message& m : cluster.network()) {
    if (m.type == MessageType::kStand) word = m;
  }
  cluster.network().clear();
  cluster.heal();
  cluster.isolate(1);
  cluster.isolate(3);
  // 2 has heard of no round: its ballot is of the same one, and higher.
  cluster.campaign(2);
  cluster.settle();
  cluster.tick(2);
  cluster.settle();  // its first round is answered: it has a lease
  if (!word || cluster.leader() != 2) broken("the play does not come to its point");
  cluster.heal();
  cluster.isolate(2);
  cluster.deliver(*word);
  cluster.isolate(1);
  cluster.settle();
  cluster.propose(3, "unknown to 2");
  cluster.settle();
  cluster.read(2, 1);
}

inline constexpr Play kPlays[] = {
    {"of_two_ballots_the_higher_one_counts", two_ballots_are_told_of},
    {"a_promise_that_is_answered_is_kept", an_acceptor_crashes_behind_its_promise},
    {"a_ballot_is_used_once", a_lone_master_crashes_behind_its_promise},
    {"a_hand_over_ends_with_its_mastership",
     a_word_to_take_over_comes_in_the_time_of_another_master},
};

inline std::optional<std::string> outcome(const Play& play) {
  try {
    play.play();
  } catch (const InvariantBroken& broken) {
    return broken.what();
  }
  return std::nullopt;
}

}  // namespace polis::paxos::testing
