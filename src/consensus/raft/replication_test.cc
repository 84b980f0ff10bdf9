// What is committed, and how it travels. Each test proves a sentence of the Raft thesis and is
// named after its section.

#include <gtest/gtest.h>

#include "consensus/raft/testing/led.hh"

namespace polis::raft {
namespace {

using testing::Cluster;
using testing::count;
using testing::led;
using namespace std::chrono_literals;

TEST(Section_3_5, a_proposal_is_committed_when_a_majority_has_it) {
  Cluster cluster = led();
  ASSERT_TRUE(cluster.propose(1, "x"));
  EXPECT_FALSE(cluster.applied(1).contains(LogIndex(2)));
  cluster.settle();
  EXPECT_EQ(cluster.applied(1).at(LogIndex(2)), "x");
  cluster.advance(60ms);  // the next heartbeat tells the followers
  cluster.settle();
  EXPECT_EQ(cluster.applied(3).at(LogIndex(2)), "x");
}

TEST(Section_3_5, a_follower_rejects_an_append_that_leaves_a_gap) {
  Cluster cluster = led();
  Message append{.type = MessageType::kAppend,
                 .from = ReplicaId(1),
                 .to = ReplicaId(2),
                 .term = cluster.core(1).term(),
                 .index = LogIndex(5),
                 .log_term = Term(1)};
  cluster.deliver(append);
  ASSERT_FALSE(cluster.network().empty());
  EXPECT_TRUE(cluster.network().back().reject);
  EXPECT_EQ(cluster.network().back().index, LogIndex(1));  // the hint: what it has
}

TEST(Section_3_5, a_leader_overwrites_what_was_never_committed) {
  Cluster cluster = led();
  cluster.isolate(1);
  cluster.propose(1, "lost");
  cluster.settle();
  cluster.campaign(2);
  cluster.settle();
  ASSERT_EQ(cluster.leader(), 2u);
  cluster.propose(2, "kept");
  cluster.settle();
  cluster.heal();
  for (int i = 0; i < 10; ++i) {
    cluster.advance(60ms);
    cluster.settle();
  }
  EXPECT_EQ(cluster.applied(1), cluster.applied(2));
  EXPECT_EQ(cluster.applied(1).at(LogIndex(3)), "kept");
}

// Figure 3.7: an entry of an old term on a majority is not yet committed.
TEST(Section_3_6_2, an_entry_of_an_old_term_is_not_committed_by_counting) {
  Cluster cluster({.voters = 3, .pre_vote = false});
  cluster.campaign(1);
  cluster.settle();
  cluster.isolate(2);
  cluster.isolate(3);
  cluster.propose(1, "old");
  cluster.settle();
  cluster.crash(1);
  cluster.restart(1);
  cluster.heal();
  cluster.isolate(3);
  // Elected anew, replica 1 sends "old" to 2 but its own no-op is lost on the way.
  cluster.campaign(1);
  while (cluster.leader() != 1) {
    ASSERT_FALSE(cluster.network().empty());
    Message m = cluster.network().front();
    cluster.network().pop_front();
    cluster.deliver(m);
  }
  cluster.network().clear();
  Message append{.type = MessageType::kAppendReply,
                 .from = ReplicaId(2),
                 .to = ReplicaId(1),
                 .term = cluster.core(1).term(),
                 .index = LogIndex(2)};
  ASSERT_EQ(cluster.core(1).log().last_index(), LogIndex(3));
  cluster.deliver(append);  // "old" at 2 is now on two of three
  EXPECT_EQ(cluster.core(1).commit(), LogIndex(1));
  append.index = LogIndex(3);
  cluster.deliver(append);
  EXPECT_EQ(cluster.core(1).commit(), LogIndex(3));
}

TEST(Section_10_2_1, the_leader_sends_ahead_of_replies_within_a_window) {
  Cluster cluster = led();
  for (int i = 0; i < 10; ++i) cluster.propose(1, "x");
  EXPECT_EQ(count(cluster, MessageType::kAppend), 8);  // 4 for each of 2 followers
  cluster.settle();
  EXPECT_EQ(cluster.applied(1).size(), 11u);
}

// Each refusal of a whole window of appends used to start a probe of its own; every probe that was
// accepted filled the window again, and two replicas could keep each other busy for as long as
// messages overtook each other.
TEST(Section_10_2_1, the_refusals_of_a_window_cost_one_probe) {
  Cluster cluster = led({.append_bytes_max = 16});
  cluster.propose(1, "lost");
  std::erase_if(cluster.network(), [](const Message& m) { return m.to == ReplicaId(2); });
  for (int i = 0; i < 3; ++i) cluster.propose(1, "refused, because something before it is missing");
  auto deliver_all_to = [&](std::uint64_t id) {
    auto waiting = cluster.network();
    cluster.network().remove_if([&](const Message& m) { return m.to == ReplicaId(id); });
    for (const Message& m : waiting)
      if (m.to == ReplicaId(id)) cluster.deliver(m);
  };
  deliver_all_to(2);
  cluster.network().remove_if([](const Message& m) { return m.from != ReplicaId(2); });
  ASSERT_EQ(cluster.network().size(), 3u);
  deliver_all_to(1);
  cluster.network().remove_if([](const Message& m) { return m.to != ReplicaId(2); });
  EXPECT_EQ(count(cluster, MessageType::kAppend), 1);
  cluster.settle();
  EXPECT_EQ(cluster.applied(2).size(), 5u);
}

TEST(Section_10_2_1, the_leader_replicates_while_its_own_write_is_under_way) {
  Cluster cluster({.voters = 3, .persist_at_once = false});
  cluster.campaign(1);
  for (int i = 0; i < 20; ++i) {
    for (std::uint64_t id = 1; id <= 3; ++id) cluster.persist(id);
    cluster.settle();
  }
  ASSERT_EQ(cluster.leader(), 1u);
  cluster.propose(1, "x");
  EXPECT_EQ(count(cluster, MessageType::kAppend), 2);
  cluster.settle();
  cluster.persist(2);
  cluster.persist(3);
  cluster.settle();
  EXPECT_EQ(cluster.core(1).commit(), LogIndex(2));        // two others have it
  EXPECT_FALSE(cluster.applied(1).contains(LogIndex(2)));  // but it is not durable here
  cluster.persist(1);
  EXPECT_TRUE(cluster.applied(1).contains(LogIndex(2)));
}

TEST(Learner, receives_the_log_and_never_votes_or_campaigns) {
  Cluster cluster = led({.voters = 3, .learners = 1});
  cluster.propose(1, "x");
  cluster.settle();
  cluster.advance(60ms);
  cluster.settle();
  EXPECT_EQ(cluster.applied(4), cluster.applied(1));
  cluster.campaign(4);
  EXPECT_EQ(count(cluster, MessageType::kPreVote), 0);
}

TEST(Gap, a_lost_append_is_sent_again_after_two_heartbeats) {
  Cluster cluster = led();
  cluster.propose(1, "x");
  cluster.network().clear();
  for (int i = 0; i < 4; ++i) {
    cluster.advance(60ms);
    cluster.settle();
  }
  EXPECT_EQ(cluster.applied(2).at(LogIndex(2)), "x");
}

}  // namespace
}  // namespace polis::raft
