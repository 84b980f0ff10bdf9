// Who leads. Each test proves a sentence of the Raft thesis and is named after its section.

#include <gtest/gtest.h>

#include "consensus/raft/testing/led.hh"

namespace polis::raft {
namespace {

using testing::Cluster;
using testing::led;
using testing::led_by_lease;
using namespace std::chrono_literals;

TEST(Section_3_4, a_candidate_with_a_majority_becomes_leader_and_appends_a_noop) {
  Cluster cluster = led();
  EXPECT_EQ(cluster.core(1).log().last_index(), LogIndex(1));
  EXPECT_EQ(cluster.core(1).log().at(LogIndex(1)).kind, consensus::EntryKind::kNoop);
  EXPECT_EQ(cluster.core(2).term(), cluster.core(1).term());
}

TEST(Section_3_4, a_replica_votes_once_in_a_term) {
  Cluster cluster({.voters = 3, .pre_vote = false});
  cluster.campaign(1);
  cluster.campaign(2);
  // Replica 3 hears both candidates of the same term.
  std::list<Message> requests = std::exchange(cluster.network(), {});
  for (auto& m : requests) {
    if (m.to == ReplicaId(3)) cluster.deliver(m);
  }
  int granted = 0;
  for (auto& m : cluster.network()) granted += m.type == MessageType::kVoteReply && !m.reject;
  EXPECT_EQ(granted, 1);
}

TEST(Section_3_4, a_vote_survives_a_crash) {
  Cluster cluster({.voters = 3, .pre_vote = false});
  cluster.campaign(1);
  Message request = cluster.network().back();
  ASSERT_EQ(request.to, ReplicaId(3));
  cluster.deliver(request);
  cluster.crash(3);
  cluster.restart(3);
  cluster.network().clear();
  request.from = ReplicaId(2);
  cluster.deliver(request);
  ASSERT_FALSE(cluster.network().empty());
  EXPECT_TRUE(cluster.network().back().reject);
}

TEST(Section_3_4, a_sole_voter_leads_when_its_own_vote_is_durable_and_not_before) {
  Cluster cluster({.voters = 1, .learners = 1, .persist_at_once = false});
  cluster.campaign(1);
  EXPECT_EQ(cluster.core(1).role(), consensus::Role::kCandidate);
  cluster.persist(1);
  EXPECT_EQ(cluster.core(1).role(), consensus::Role::kMaster);
}

TEST(Section_3_4, nothing_is_promised_before_the_disk_has_it) {
  Cluster cluster({.voters = 3, .pre_vote = false, .persist_at_once = false});
  cluster.campaign(1);
  EXPECT_TRUE(cluster.network().empty());  // the own vote is not durable yet
  cluster.persist(1);
  ASSERT_EQ(cluster.network().size(), 2u);
  Message request = cluster.network().front();
  cluster.network().clear();
  cluster.deliver(request);
  EXPECT_TRUE(cluster.network().empty());
  cluster.persist(2);
  ASSERT_EQ(cluster.network().size(), 1u);
  EXPECT_FALSE(cluster.network().front().reject);
}

TEST(Section_3_6_1, a_candidate_that_lacks_a_committed_entry_is_refused) {
  Cluster cluster = led();
  cluster.isolate(3);
  cluster.propose(1, "x");
  cluster.settle();
  cluster.heal();
  cluster.crash(1);
  cluster.campaign(3);
  cluster.settle();
  EXPECT_EQ(cluster.leader(), 0u);
  cluster.campaign(2);
  cluster.settle();
  EXPECT_EQ(cluster.leader(), 2u);
}

TEST(Section_3_10, leadership_is_transferred_without_waiting_for_a_timeout) {
  Cluster cluster = led();
  Instant before = cluster.now();
  ASSERT_TRUE(cluster.core(1).transfer(ReplicaId(3), cluster.now()).has_value());
  cluster.perform(1);
  EXPECT_FALSE(cluster.propose(1, "refused while handing over"));
  cluster.settle();
  EXPECT_EQ(cluster.leader(), 3u);
  EXPECT_EQ(cluster.now(), before);
}

TEST(Section_3_10, a_transfer_to_a_dead_replica_is_given_up) {
  Cluster cluster = led();
  cluster.crash(3);
  ASSERT_TRUE(cluster.core(1).transfer(ReplicaId(3), cluster.now()).has_value());
  for (int i = 0; i < 15; ++i) {
    cluster.advance(50ms);
    cluster.settle();
  }
  EXPECT_EQ(cluster.leader(), 1u);
  EXPECT_TRUE(cluster.propose(1, "x"));
}

TEST(Section_4_2_3, a_replica_that_hears_a_leader_ignores_candidates) {
  Cluster cluster = led({.voters = 3, .pre_vote = false});
  Message request{.type = MessageType::kVote,
                  .from = ReplicaId(3),
                  .to = ReplicaId(2),
                  .term = cluster.core(1).term() + 5,
                  .index = LogIndex(9),
                  .log_term = Term(9)};
  cluster.deliver(request);
  EXPECT_TRUE(cluster.network().empty());
  EXPECT_EQ(cluster.core(2).term(), cluster.core(1).term());
}

TEST(LostPeer, a_leader_that_is_gone_is_replaced_as_soon_as_promises_allow) {
  Cluster cluster = led_by_lease();
  Instant promised = cluster.now() + 300ms;
  cluster.crash(1);
  for (std::uint64_t id : {2, 3}) cluster.core(id).on_peer_lost(ReplicaId(1), cluster.now());
  while (cluster.leader() != 2 && cluster.now() < promised + 60ms) {
    cluster.advance(1ms);
    cluster.settle();
    if (cluster.now() < promised) {
      ASSERT_EQ(cluster.core(2).term(), Term(1));
    }
  }
  EXPECT_EQ(cluster.core(2).role(), consensus::Role::kMaster);
}

TEST(LostPeer, a_false_alarm_changes_nothing) {
  Cluster cluster = led_by_lease();
  for (int i = 0; i < 100; ++i) {
    cluster.core(2).on_peer_lost(ReplicaId(1), cluster.now());
    cluster.advance(10ms);
    cluster.settle();
  }
  EXPECT_EQ(cluster.core(1).role(), consensus::Role::kMaster);
  EXPECT_EQ(cluster.core(1).term(), Term(1));
}

TEST(Section_9_6, a_pre_vote_changes_no_term) {
  Cluster cluster = led();
  Term before = cluster.core(2).term();
  cluster.isolate(3);
  for (int i = 0; i < 5; ++i) {
    cluster.campaign(3);
    cluster.settle();
  }
  EXPECT_EQ(cluster.core(3).term(), before);
  cluster.heal();
  cluster.settle();
  EXPECT_EQ(cluster.leader(), 1u);
  EXPECT_EQ(cluster.core(1).term(), before);
}

TEST(Single, a_cell_of_one_leads_at_once_and_serves) {
  Cluster cluster({.voters = 1});
  cluster.tick(1);
  EXPECT_EQ(cluster.leader(), 1u);
  cluster.propose(1, "x");
  cluster.read(1, 3);
  EXPECT_EQ(cluster.applied(1).at(LogIndex(2)), "x");
  EXPECT_EQ(cluster.reads(1).size(), 1u);
}

}  // namespace
}  // namespace polis::raft
