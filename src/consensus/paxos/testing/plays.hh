#pragma once

// Plays: short scripts that lead a small cluster into situations in which Paxos implementations
// have gone wrong. Each situation needs many steps in one order, so random walks rarely meet it.
// The cluster (consensus/testing/cluster.hh) checks all safety properties after each step, and
// throws InvariantBroken if one fails. A play asserts nothing else.
//
// plays_test.cc runs all of kPlays. sim/mutants/ shows that each play catches the bug that it is
// about.
//
// In the scripts: campaign(n) lets n begin an election; settle() delivers all messages; lose(...)
// drops those that are under way to some nodes; isolate(n) and heal() cut n off and connect all.

#include <optional>
#include <string>

#include "consensus/paxos/testing/led.hh"

namespace polis::paxos::testing {

struct Play {
  const char* name;  // the fact that the play shows
  void (*play)();    // throws InvariantBroken if the fact does not hold
};

// Delivers all messages, and those that follow from them. Makes durable meanwhile what the nodes in
// `disks` have written. Where the cluster does not persist at once, the writes of all other nodes
// wait.
inline void settle(Cluster& cluster, std::initializer_list<std::uint64_t> disks) {
  for (int i = 0; i < 20; ++i) {
    cluster.settle();
    for (std::uint64_t id : disks) cluster.persist(id);
  }
}

// Simple 2.2, P2c. One slot was accepted under two ballots: first "old" by node 1 alone; later
// "new", under a higher ballot, by 2, 3 and 5, so "new" is chosen. Node 4 then asks for promises
// and hears of both. It must propose "new" again.
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
  // After its restart, 5 does not know any more that "new" is chosen; 2 and 3 are down. So 4 hears
  // of "old" from 1 and of "new" from 5.
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

// Simple 2.5, stable storage. Node 2 crashes after it received 3's prepare, and before its promise
// is durable. It must not have answered. Otherwise 3 counts a promise that 2 does not remember: 1
// and 2 choose "x", 3 and 2 choose "y", both in one slot.
inline void an_acceptor_crashes_behind_its_promise() {
  Cluster cluster({.voters = 3, .pre_vote = false, .persist_at_once = false});
  cluster.campaign(1);
  settle(cluster, {1, 2});
  cluster.network().clear();
  cluster.campaign(3);
  cluster.persist(3);
  lose(cluster, {1});
  cluster.settle();  // 2 has received the prepare; its answer waits for its disk
  cluster.crash(2);
  cluster.restart(2);
  cluster.persist(3);
  // 1 is still master, and 2 still follows it.
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

// Node 1 is the only voter; 2 is a member without a vote. 1 proposes "first" and crashes before its
// own promise and value are durable; 2 may have received "first". After the restart, 1 proposes
// "second" and must use a higher ballot: one ballot never stands for two values of a slot.
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

// 1 and then 2 become master, with ballots of one term. 1 tells 3 to take over (kStand). The
// message arrives when 2 is master and holds the master lease. In the election that 3 begins then,
// voters may break their lease promises to 1, which asked for it. They must not break those to 2:
// otherwise 3 becomes master while 2 still answers reads alone, and 2 does not see what 3 chooses.
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
  // 2 has heard nothing from 1, so its ballot has the same term. It is higher by the replica's id.
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

// Runs the play. The result is the text of what went wrong; nullopt: the fact holds.
inline std::optional<std::string> outcome(const Play& play) {
  try {
    play.play();
  } catch (const InvariantBroken& broken) {
    return broken.what();
  }
  return std::nullopt;
}

}  // namespace polis::paxos::testing
