// Snapshots on the way to a follower that is behind the log (Raft thesis 5).

#include <gtest/gtest.h>

#include "consensus/raft/testing/kind.hh"

namespace polis::raft::testing {
namespace {

using namespace std::chrono_literals;

// Led by replica 1, whose log no longer has what replica 3 needs.
Cluster with_one_far_behind(Cluster::Settings settings = {}) {
  Cluster cluster(settings);
  cluster.campaign(1);
  cluster.settle();
  EXPECT_EQ(cluster.leader(), 1u);
  cluster.isolate(3);
  for (int i = 0; i < 20; ++i) {
    cluster.propose(1, "value" + std::to_string(i));
    cluster.settle();
  }
  cluster.compact(1, 15);
  cluster.heal();
  return cluster;
}

void advance(Cluster& cluster, int times) {
  for (int i = 0; i < times; ++i) {
    cluster.advance(50ms);
    cluster.settle();
  }
}

TEST(Section_5, a_follower_behind_the_log_gets_a_snapshot_in_chunks) {
  Cluster cluster = with_one_far_behind();
  advance(cluster, 20);
  EXPECT_EQ(cluster.applied(3), cluster.applied(1));
  EXPECT_GT(cluster.core(3).log().mark().index, LogIndex(1));
}

TEST(Section_5, a_snapshot_continues_after_chunks_were_lost) {
  Cluster cluster = with_one_far_behind();
  int chunks = 0;
  for (int i = 0; i < 400 && cluster.applied(3) != cluster.applied(1); ++i) {
    cluster.advance(50ms);
    while (!cluster.network().empty()) {
      Message m = cluster.network().front();
      cluster.network().pop_front();
      bool lose = m.type == MessageType::kSnapshotChunk && ++chunks % 3 == 0;
      if (!lose) cluster.deliver(m);
    }
  }
  EXPECT_EQ(cluster.applied(3), cluster.applied(1));
}

TEST(Section_5, a_chunk_that_could_not_be_kept_begins_the_transfer_again) {
  for (int kept : {0, 2}) {
    Cluster cluster = with_one_far_behind();
    int chunks = 0;
    for (int i = 0; i < 40; ++i) {
      cluster.advance(50ms);
      while (!cluster.network().empty()) {
        Message m = cluster.network().front();
        cluster.network().pop_front();
        if (m.type == MessageType::kSnapshotChunk && chunks++ == kept) cluster.fill_disk(3, true);
        cluster.deliver(m);
      }
    }
    EXPECT_GT(chunks, kept + 1);
    EXPECT_NE(cluster.applied(3), cluster.applied(1));
    cluster.fill_disk(3, false);
    advance(cluster, 60);
    EXPECT_EQ(cluster.applied(3), cluster.applied(1)) << kept;
  }
}

TEST(Section_5, the_log_moves_on_while_a_snapshot_is_loaded) {
  Cluster cluster = with_one_far_behind({.install_at_once = false});
  advance(cluster, 20);
  const consensus::Term term = cluster.core(3).term();
  cluster.isolate(1);
  // Another leader, whose log has everything.
  for (int i = 0; i < 40 && cluster.applied(3) != cluster.applied(2); ++i) advance(cluster, 1);
  EXPECT_EQ(cluster.leader(), 2u);
  EXPECT_GT(cluster.core(3).term(), term);
  ASSERT_EQ(cluster.applied(3), cluster.applied(2));
  const auto before = cluster.applied(3);
  EXPECT_TRUE(cluster.install(3));  // loaded at last, and of no use any more
  EXPECT_EQ(cluster.applied(3), before);
  cluster.propose(2, "goes on");
  advance(cluster, 2);
  EXPECT_EQ(cluster.applied(3).rbegin()->second, "goes on");
}

TEST(Section_5, a_snapshot_that_is_damaged_is_made_anew) {
  Cluster cluster = with_one_far_behind({.install_at_once = false});
  bool damaged = false;
  for (int i = 0; i < 100 && cluster.applied(3) != cluster.applied(1); ++i) {
    cluster.advance(50ms);
    while (!cluster.network().empty()) {
      Message m = cluster.network().front();
      cluster.network().pop_front();
      if (m.type == MessageType::kSnapshotChunk && !damaged) {
        damaged = true;
        cluster.damage_snapshot(1);
        continue;  // sent again, with what the file holds then
      }
      cluster.deliver(m);
    }
    cluster.install(3);
  }
  EXPECT_TRUE(damaged);
  EXPECT_EQ(cluster.applied(3), cluster.applied(1));
}

}  // namespace
}  // namespace polis::raft::testing
