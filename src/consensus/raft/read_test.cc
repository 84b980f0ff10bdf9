// Linearizable reads, and the lease. Each test proves a sentence of the Raft thesis and is named
// after its section.

#include <gtest/gtest.h>

#include "consensus/raft/testing/led.hh"

namespace polis::raft {
namespace {

using testing::Cluster;
using testing::count;
using testing::led;
using testing::led_by_lease;
using namespace std::chrono_literals;

TEST(Section_6_2, a_leader_without_a_quorum_steps_down) {
  Cluster cluster = led();
  cluster.isolate(1);
  for (int i = 0; i < 30; ++i) {
    cluster.advance(50ms);
    cluster.network().clear();
  }
  EXPECT_NE(cluster.core(1).role(), Role::kMaster);
}

TEST(Section_6_4, a_read_waits_for_a_round_of_heartbeats) {
  Cluster cluster = led();
  cluster.propose(1, "x");
  cluster.settle();
  cluster.read(1, 7);
  EXPECT_TRUE(cluster.reads(1).empty());
  cluster.settle();
  ASSERT_EQ(cluster.reads(1).size(), 1u);
  EXPECT_EQ(cluster.reads(1)[0].id, ReadId(7));
  EXPECT_EQ(cluster.reads(1)[0].index, LogIndex(2));
}

TEST(Section_6_4, a_deposed_leader_never_answers_a_read) {
  Cluster cluster = led();
  cluster.isolate(1);
  cluster.campaign(2);
  cluster.settle();
  ASSERT_EQ(cluster.leader(), 2u);
  cluster.read(1, 7);
  cluster.settle();
  EXPECT_TRUE(cluster.reads(1).empty());
  cluster.heal();
  cluster.advance(60ms);
  cluster.settle();
  EXPECT_TRUE(cluster.reads(1).empty());
  EXPECT_EQ(cluster.reads_refused(1).size(), 1u);
}

TEST(Section_6_4, a_new_leader_serves_no_read_before_its_term_has_a_commit) {
  Cluster cluster = led();
  cluster.propose(1, "x");
  cluster.settle();
  cluster.crash(1);
  cluster.campaign(2);
  while (cluster.leader() != 2) {
    Message m = cluster.network().front();
    cluster.network().pop_front();
    cluster.deliver(m);
  }
  cluster.network().clear();  // the no-op is lost
  cluster.read(2, 9);
  EXPECT_EQ(count(cluster, MessageType::kHeartbeat), 0);
  for (int i = 0; i < 5; ++i) {
    cluster.advance(50ms);
    cluster.settle();
  }
  ASSERT_EQ(cluster.reads(2).size(), 1u);
  EXPECT_GE(cluster.reads(2)[0].index, LogIndex(3));
}

TEST(Section_6_4, a_follower_reads_at_an_index_from_the_leader) {
  Cluster cluster = led();
  cluster.propose(1, "x");
  cluster.settle();
  cluster.read(3, 11);
  cluster.settle();
  ASSERT_EQ(cluster.reads(3).size(), 1u);
  EXPECT_EQ(cluster.reads(3)[0].index, LogIndex(2));
}

TEST(Section_6_4, reads_that_come_together_share_one_round) {
  Cluster cluster = led();
  for (std::uint64_t i = 1; i <= 50; ++i) cluster.core(1).read(ReadId(i), cluster.now());
  cluster.perform(1);
  EXPECT_EQ(count(cluster, MessageType::kHeartbeat), 2);
  cluster.settle();
  EXPECT_EQ(cluster.reads(1).size(), 50u);
}

TEST(Section_6_4_1, a_leader_with_a_lease_answers_alone) {
  Cluster cluster = led_by_lease();
  cluster.read(1, 7);
  EXPECT_TRUE(cluster.network().empty());
  ASSERT_EQ(cluster.reads(1).size(), 1u);
  EXPECT_EQ(cluster.reads(1)[0].index, cluster.core(1).commit());
}

TEST(Section_6_4_1, the_lease_counts_from_when_the_heartbeat_was_sent) {
  Cluster cluster = led_by_lease();
  Instant sent = cluster.now() + 50ms;
  cluster.advance(50ms);
  std::list<Message> late = std::exchange(cluster.network(), {});
  for (int i = 0; i < 4; ++i) {  // the answers take 40 ms; no later round gets through
    cluster.advance(10ms);
    cluster.network().clear();
  }
  for (auto& m : late) cluster.deliver(m);
  cluster.settle();
  auto until = cluster.core(1).status().lease_until;
  EXPECT_LT(until, sent + 300ms);
  EXPECT_GT(until, sent + 290ms);
}

TEST(Section_6_4_1, a_leader_whose_lease_ran_out_asks_a_quorum) {
  Cluster cluster = led_by_lease();
  cluster.isolate(2);
  cluster.isolate(3);
  for (int i = 0; i < 30; ++i) {
    cluster.advance(10ms);
    cluster.settle();
  }
  ASSERT_EQ(cluster.core(1).role(), consensus::Role::kMaster);  // it has not noticed yet
  cluster.read(1, 7);
  EXPECT_TRUE(cluster.reads(1).empty());
}

// Of replica 3, which 2 would grant if it had not promised.
Message vote_request() {
  return {.type = MessageType::kVote,
          .from = ReplicaId(3),
          .to = ReplicaId(2),
          .term = Term(9),
          .index = LogIndex(100),
          .log_term = Term(8)};
}

TEST(Section_6_4_1, whoever_promised_elects_nobody_even_if_it_forgot_its_leader) {
  Cluster cluster = led_by_lease();
  // A newer term makes replica 2 forget its leader; the promise stands.
  cluster.core(2).step({.type = MessageType::kHeartbeatReply,
                        .from = ReplicaId(3),
                        .to = ReplicaId(2),
                        .term = Term(8)},
                       cluster.now());
  cluster.perform(2);
  cluster.network().clear();
  const Message request = vote_request();
  cluster.deliver(request);
  EXPECT_TRUE(cluster.network().empty());
  cluster.advance(301ms);
  cluster.network().clear();
  cluster.deliver(request);
  EXPECT_EQ(count(cluster, MessageType::kVoteReply), 1);
  EXPECT_FALSE(cluster.network().back().reject);
}

TEST(Section_6_4_1, a_promise_survives_a_restart) {
  Cluster cluster = led_by_lease();
  cluster.crash(2);
  cluster.restart(2);
  Message request = vote_request();
  for (bool transfer :
       {false, true}) {  // it cannot know whether the leader still wants to hand over
    request.transfer = transfer;
    request.round = transfer ? 1000 : 0;
    cluster.deliver(request);
    EXPECT_TRUE(cluster.network().empty());
  }
}

TEST(Section_6_4_1, a_replica_that_never_promised_need_not_wait) {
  Cluster cluster({.voters = 3, .reads = consensus::Reads::kLease});
  cluster.crash(2);
  cluster.restart(2);
  cluster.deliver(
      {.type = MessageType::kVote, .from = ReplicaId(3), .to = ReplicaId(2), .term = Term(1)});
  EXPECT_EQ(count(cluster, MessageType::kVoteReply), 1);
}

TEST(Section_6_4_1, a_leader_that_hands_over_gives_the_lease_up_first) {
  Cluster cluster = led_by_lease();
  ASSERT_GT(cluster.core(1).status().lease_until, cluster.now());
  cluster.transfer(1, 2);
  EXPECT_LE(cluster.core(1).status().lease_until, cluster.now());
  EXPECT_EQ(count(cluster, MessageType::kTimeoutNow), 1);
}

TEST(Section_6_4_1, a_hand_over_that_comes_too_late_finds_no_votes) {
  Cluster cluster = led_by_lease();
  cluster.transfer(1, 2);
  Message timeout_now = cluster.network().back();
  ASSERT_EQ(timeout_now.type, MessageType::kTimeoutNow);
  cluster.network().clear();
  // The leader gives the hand-over up, and has a lease again.
  cluster.isolate(2);
  for (int i = 0; i < 70; ++i) {
    cluster.advance(10ms);
    cluster.settle();
  }
  cluster.heal();
  ASSERT_EQ(cluster.core(1).role(), consensus::Role::kMaster);
  ASSERT_GT(cluster.core(1).status().lease_until, cluster.now());
  // Replica 2 has not heard of that, and is told to stand for election now.
  cluster.network().clear();
  cluster.deliver(timeout_now);
  cluster.settle();
  EXPECT_EQ(cluster.core(1).role(), consensus::Role::kMaster);
  EXPECT_GT(cluster.core(1).status().lease_until, cluster.now());
}

}  // namespace
}  // namespace polis::raft
