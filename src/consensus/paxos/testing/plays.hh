#pragma once

// Short scripts that lead a small cell into the situations in which Paxos implementations have gone
// wrong. Each needs many steps in one order, so random walks rarely meet it. The cluster checks all
// safety properties after each step and throws InvariantBroken if one fails; a play itself asserts
// nothing else.
//
// A test runs all of kPlays; sim/mutants/ shows that each catches the bug that it is about.

#include <optional>
#include <string>

#include "consensus/paxos/testing/led.hh"

namespace polis::paxos::testing {

struct Play {
  const char* name;  // a fact that must hold
  void (*play)();    // throws InvariantBroken
};

// Delivers all messages, and those that they lead to, and completes the writes of the named disks.
inline void settle(Cluster& cluster, std::initializer_list<std::uint64_t> disks) {
  for (int i = 0; i < 20; ++i) {
    cluster.settle();
    for (std::uint64_t id : disks) cluster.persist(id);
  }
}

// Simple 2.2, P2c. One slot was accepted under two ballots: "old" by 1 alone, and later "new" by 2,
// 3 and 5, which chose it. A candidate that hears of both must propose "new" again.
inline void two_ballots_are_told_of() {
  Cluster cluster({.voters = 5, .pre_vote = false});
  cluster.campaign(1);
  cluster.settle();
  cluster.propose(1, "old");
  lose(cluster, {2, 3, 4, 5});  // only 1 has accepted it
  cluster.isolate(1);
  cluster.campaign(2);
  cluster.settle();
  cluster.propose(2, "new");
  lose(cluster, {4});
  cluster.isolate(4);
  cluster.settle();  // 2, 3 and 5 have accepted and applied it
  cluster.crash(2);
  cluster.crash(3);
  cluster.heal();
  cluster.crash(1);
  cluster.restart(1);
  // After a restart 5 does not know any more that "new" is chosen, and 2 and 3 are down.
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

// Simple 2.5, stable storage. Acceptor 2 crashes after it received 3's prepare and before its
// promise is durable. It must not have answered: else 3 counts a promise that 2 does not remember,
// and 1 and 3 both choose a value for one slot.
inline void an_acceptor_crashes_behind_its_promise() {
  Cluster cluster({.voters = 3, .pre_vote = false, .persist_at_once = false});
  cluster.campaign(1);
  settle(cluster, {1, 2});
  cluster.network().clear();
  cluster.campaign(3);
  cluster.persist(3);
  lose(cluster, {1});
  cluster.settle();  // 2 has the prepare; its answer waits for its disk
  cluster.crash(2);
  cluster.restart(2);
  cluster.persist(3);
  // 1 and 2 still have 1 as their master.
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

// The only voter of a cell proposes "first", and crashes before its own promise and value are
// durable; the learner 2 may have received the value. After the restart it must use a higher
// ballot: one ballot never stands for two values.
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

// Masters 1 and 2 have ballots of one term. 1 tells 3 to take over (kStand), and the message
// arrives when 2 is master and holds a lease. 1's permission to break lease promises must not break
// those that were given to 2: else 3 is elected while 2 still answers reads by its lease.
inline void a_hand_over_arrives_under_another_master() {
  Cluster cluster({.voters = 5, .pre_vote = false, .reads = consensus::Reads::kLease});
  cluster.isolate(2);
  cluster.isolate(5);
  cluster.campaign(1);
  cluster.settle();
  cluster.tick(1);
  cluster.settle();
  cluster.transfer(1, 3);
  std::optional<Message> stand;
  for (const Message& m : cluster.network()) {
    if (m.type == MessageType::kStand) stand = m;
  }
  cluster.network().clear();
  cluster.heal();
  cluster.isolate(1);
  cluster.isolate(3);
  // 2 has heard nothing from 1: its ballot has the same term, and is higher by the replica's id.
  cluster.campaign(2);
  cluster.settle();
  cluster.tick(2);
  cluster.settle();  // its first round is answered: it has a lease
  if (!stand || cluster.leader() != 2) broken("the play does not come to its point");
  cluster.heal();
  cluster.isolate(2);
  cluster.deliver(*stand);
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
    {"a_hand_over_ends_with_its_mastership", a_hand_over_arrives_under_another_master},
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
