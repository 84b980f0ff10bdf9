// Ballots, promises, and what is proposed and sent again. Each test proves a rule of "Paxos Made
// Simple" or "Paxos Made Live" and is named after its section.

#include <gtest/gtest.h>

#include "consensus/paxos/testing/led.hh"

namespace polis::paxos {
namespace {

using testing::at;
using testing::Cluster;
using testing::count;
using testing::led;
using testing::lose;
using namespace std::chrono_literals;

TEST(Simple_2_2, a_proposer_with_promises_of_a_majority_is_master) {
  Cluster cluster = led();
  EXPECT_EQ(cluster.core(2).promised(), cluster.core(1).promised());
  EXPECT_EQ(cluster.core(1).promised().replica, ReplicaId(1));
}

TEST(Simple_2_2, ballots_of_two_replicas_differ_even_in_one_term) {
  Cluster cluster({.voters = 3, .pre_vote = false});
  cluster.campaign(1);
  cluster.campaign(2);
  EXPECT_EQ(cluster.core(1).promised().term, cluster.core(2).promised().term);
  EXPECT_LT(cluster.core(1).promised(), cluster.core(2).promised());
  cluster.settle();
  EXPECT_EQ(cluster.leader(), 2u);
}

TEST(Simple_2_2, a_promise_survives_a_crash) {
  Cluster cluster({.voters = 3, .pre_vote = false});
  cluster.campaign(2);
  cluster.settle();
  const Ballot promised = cluster.core(3).promised();
  cluster.crash(3);
  cluster.restart(3);
  EXPECT_EQ(cluster.core(3).promised(), promised);
  cluster.network().clear();
  // What an older proposer asks for is refused.
  cluster.deliver({.type = MessageType::kAccept,
                   .from = ReplicaId(1),
                   .to = ReplicaId(3),
                   .ballot = {promised.term, ReplicaId(1)},
                   .slot = LogIndex(1),
                   .entries = {{promised.term, LogIndex(1), consensus::EntryKind::kCommand,
                                share("old"), ReplicaId(1)}}});
  EXPECT_EQ(count(cluster, MessageType::kReject), 1);
  EXPECT_EQ(at(cluster, 3, 1), "-");
}

TEST(Simple_2_2, a_new_master_proposes_what_may_have_been_chosen) {
  Cluster cluster = led();
  cluster.propose(1, "a");
  // It reaches one more, whose answer is lost: chosen, and nobody knows.
  lose(cluster, {3});
  cluster.settle();
  cluster.crash(1);
  cluster.campaign(3);
  cluster.settle();
  ASSERT_EQ(cluster.leader(), 3u);
  EXPECT_EQ(cluster.applied(3).at(LogIndex(1)), "a");
  EXPECT_EQ(cluster.applied(2).at(LogIndex(1)), "a");
}

TEST(Simple_2_2, of_two_values_the_one_of_the_higher_ballot_is_proposed) {
  Cluster cluster({.voters = 5, .pre_vote = false});
  cluster.campaign(1);
  cluster.settle();
  cluster.propose(1, "old");
  lose(cluster, {2, 3, 4, 5});  // on 1 alone
  cluster.crash(1);
  cluster.campaign(2);
  cluster.settle();
  cluster.propose(2, "new");
  lose(cluster, {1, 3, 4});  // on 2 and 5
  cluster.settle();
  EXPECT_EQ(at(cluster, 5, 1), "new");
  cluster.crash(2);
  cluster.restart(1);
  cluster.isolate(3);  // a majority is 1, 4 and 5
  cluster.campaign(4);
  cluster.settle();
  ASSERT_EQ(cluster.leader(), 4u);
  EXPECT_EQ(cluster.applied(4).at(LogIndex(1)), "new");
}

TEST(Simple_3, gaps_are_filled_with_nothing) {
  Cluster cluster = led();
  cluster.propose(1, "lost");
  cluster.network().clear();
  cluster.propose(1, "second");
  lose(cluster, {3});
  cluster.settle();  // the second is on 1 and 2, the first on 1 alone
  EXPECT_EQ(at(cluster, 2, 1), "-");
  EXPECT_EQ(at(cluster, 2, 2), "second");
  cluster.crash(1);
  cluster.campaign(3);
  cluster.settle();
  ASSERT_EQ(cluster.leader(), 3u);
  EXPECT_EQ(cluster.applied(3).at(LogIndex(1)), "");
  EXPECT_EQ(cluster.applied(3).at(LogIndex(2)), "second");
}

TEST(Simple_3, slots_are_accepted_in_any_order_and_applied_in_order) {
  Cluster cluster = led();
  cluster.propose(1, "first");
  std::list<Message> held = std::exchange(cluster.network(), {});
  cluster.propose(1, "second");
  cluster.settle();
  EXPECT_EQ(at(cluster, 2, 2), "second");
  EXPECT_TRUE(cluster.applied(1).empty());
  cluster.network() = std::move(held);
  cluster.settle();
  EXPECT_EQ(cluster.applied(1).size(), 2u);
}

TEST(Simple_3, what_is_lost_is_sent_again_and_nothing_else) {
  Cluster cluster = led({.voters = 3});
  cluster.propose(1, "first");
  lose(cluster, {2});
  lose(cluster, {3});
  cluster.propose(1, "second");
  cluster.settle();
  EXPECT_TRUE(cluster.applied(1).empty());
  cluster.advance(60ms);
  int entries = 0;
  for (const Message& m : cluster.network()) {
    if (m.type != MessageType::kAccept) continue;
    entries += static_cast<int>(m.entries.size());
    EXPECT_EQ(m.slot, LogIndex(1));
  }
  EXPECT_EQ(entries, 2);
  cluster.settle();
  EXPECT_EQ(cluster.applied(1).size(), 2u);
  EXPECT_EQ(cluster.applied(2).size(), 2u);
}

TEST(Simple_3, what_is_not_answered_is_sent_again_later_and_later) {
  Cluster cluster = led();
  cluster.propose(1, "to see how long an answer takes");
  cluster.advance(2ms);
  cluster.settle();
  ASSERT_EQ(cluster.applied(1).size(), 1u);
  lose(cluster, {2});
  lose(cluster, {3});
  cluster.propose(1, "x");
  std::vector<int> sent_at;  // to replica 2, in milliseconds
  for (int ms = 0; ms <= 70; ++ms) {
    if (count(cluster, MessageType::kAccept) > 0) sent_at.push_back(ms);
    lose(cluster, {2});
    lose(cluster, {3});
    cluster.advance(1ms);
  }
  ASSERT_GE(sent_at.size(), 4u);
  EXPECT_EQ(sent_at[0], 0);
  EXPECT_GE(sent_at[1], 8);  // four times the two that the first one took
  EXPECT_LE(sent_at[1], 10);
  EXPECT_GE(sent_at[2] - sent_at[1], 16);
  EXPECT_GE(sent_at[3] - sent_at[2], 32);
  cluster.settle();
  cluster.advance(70ms);
  cluster.settle();
  EXPECT_EQ(cluster.applied(1).size(), 2u);
}

TEST(Simple_3, on_a_slow_link_much_is_not_sent_twice_before_it_can_have_arrived) {
  Cluster cluster = led();
  cluster.propose(1, "to see how long an answer takes");
  cluster.advance(2ms);
  cluster.settle();
  cluster.propose(1, std::string(1 << 19, 'x'));
  lose(cluster, {2});
  lose(cluster, {3});
  for (int i = 0; i < 40; ++i) {
    cluster.advance(10ms);
    EXPECT_EQ(count(cluster, MessageType::kAccept), 0);
    cluster.settle();
  }
  for (int i = 0; i < 20; ++i) cluster.advance(10ms);
  EXPECT_GT(count(cluster, MessageType::kAccept), 0);
}

TEST(Live_4, one_prepare_stands_for_all_that_is_proposed_after_it) {
  Cluster cluster = led();
  for (int i = 0; i < 10; ++i) cluster.propose(1, "v");
  EXPECT_EQ(count(cluster, MessageType::kPrepare), 0);
  cluster.settle();
  EXPECT_EQ(cluster.applied(3).size(), 10u);
}

TEST(Live_4, a_replica_with_an_old_log_becomes_master_and_learns_what_it_lacks) {
  Cluster cluster = led({.voters = 3, .pre_vote = false});
  cluster.isolate(3);
  for (int i = 0; i < 20; ++i) cluster.propose(1, "v" + std::to_string(i));
  cluster.settle();
  cluster.heal();
  cluster.crash(1);
  cluster.campaign(3);
  cluster.settle();
  ASSERT_EQ(cluster.leader(), 3u);
  EXPECT_EQ(cluster.applied(3), cluster.applied(2));
  EXPECT_EQ(cluster.applied(3).size(), 20u);
}

}  // namespace
}  // namespace polis::paxos
