// Mastership: who is left alone, who takes it over, and what it may answer. Each test is named
// after the section of the Raft thesis that its rule comes from.

#include <gtest/gtest.h>

#include "consensus/paxos/testing/led.hh"

namespace polis::paxos {
namespace {

using testing::Cluster;
using testing::led;
using testing::lose;
using namespace std::chrono_literals;

TEST(Raft_9_6, a_replica_that_was_cut_off_does_not_disturb_the_master) {
  Cluster cluster = led();
  const Ballot before = cluster.core(1).promised();
  cluster.isolate(3);
  for (int i = 0; i < 20; ++i) {
    cluster.advance(50ms);
    cluster.settle();
  }
  cluster.heal();
  for (int i = 0; i < 5; ++i) {
    cluster.advance(50ms);
    cluster.settle();
  }
  EXPECT_EQ(cluster.leader(), 1u);
  EXPECT_EQ(cluster.core(1).promised(), before);
  EXPECT_EQ(cluster.core(3).promised(), before);
}

TEST(Raft_3_10, a_hand_over_makes_the_other_one_master_at_once) {
  Cluster cluster = led();
  cluster.propose(1, "a");
  cluster.transfer(1, 2);
  cluster.settle();
  EXPECT_EQ(cluster.leader(), 2u);
  EXPECT_EQ(cluster.applied(2).size(), 1u);
}

TEST(Raft_6_4, a_read_waits_until_everything_that_may_have_been_chosen_is) {
  Cluster cluster = led();
  cluster.propose(1, "a");
  lose(cluster, {3});
  const Message accept = cluster.network().front();
  cluster.network().clear();
  cluster.deliver(accept);  // chosen: on 1 and 2
  cluster.network().clear();
  cluster.crash(1);
  cluster.campaign(3);
  // Phase 1 alone: the accepts are held back.
  std::list<Message> held;
  for (int i = 0; i < 100 && !cluster.network().empty(); ++i) {
    Message m = cluster.network().front();
    cluster.network().pop_front();
    m.type == MessageType::kAccept ? held.push_back(m) : cluster.deliver(m);
  }
  ASSERT_EQ(cluster.leader(), 3u);
  cluster.read(3, 7);
  cluster.settle();
  EXPECT_TRUE(cluster.reads(3).empty());
  cluster.network() = std::move(held);
  cluster.settle();
  ASSERT_EQ(cluster.reads(3).size(), 1u);
  EXPECT_GE(cluster.reads(3)[0].index, LogIndex(1));
}

}  // namespace
}  // namespace polis::paxos
