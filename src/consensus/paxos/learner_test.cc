// Who is far behind is given a state. Each test is named after the section of "Paxos Made Live" or
// of the Raft thesis that its rule comes from.

#include <gtest/gtest.h>

#include "consensus/paxos/testing/alone.hh"
#include "consensus/paxos/testing/led.hh"

namespace polis::paxos {
namespace {

using testing::Alone;
using testing::at;
using testing::Cluster;
using testing::led;
using namespace std::chrono_literals;

TEST(Live_5_5, who_becomes_master_and_lags_behind_all_logs_is_given_a_snapshot) {
  Cluster cluster = led({.voters = 3, .pre_vote = false});
  cluster.isolate(3);
  for (int i = 0; i < 20; ++i) cluster.propose(1, "v" + std::to_string(i));
  cluster.settle();
  cluster.compact(2, 15);
  cluster.heal();
  cluster.crash(1);
  cluster.campaign(3);
  for (int i = 0; i < 40; ++i) {
    cluster.advance(5ms);
    cluster.settle();
  }
  ASSERT_EQ(cluster.leader(), 3u);
  EXPECT_EQ(cluster.applied(3), cluster.applied(2));
}

TEST(Live_5_5, an_installed_snapshot_forgets_nothing_that_was_accepted_behind_it) {
  Cluster cluster = led({.voters = 3, .install_at_once = false});
  cluster.isolate(3);
  for (int i = 0; i < 3; ++i) cluster.propose(1, "v");
  cluster.settle();
  cluster.compact(1, 3);
  cluster.heal();
  for (int i = 0; i < 30; ++i) {
    cluster.advance(20ms);
    cluster.settle();
  }
  // The snapshot is there and not yet loaded when the next one is accepted.
  cluster.propose(1, "behind");
  cluster.settle();
  ASSERT_EQ(at(cluster, 3, 4), "behind");
  ASSERT_TRUE(cluster.install(3));
  EXPECT_EQ(at(cluster, 3, 4), "behind");
  cluster.crash(3);
  cluster.restart(3);
  EXPECT_EQ(at(cluster, 3, 4), "behind");
  EXPECT_GE(cluster.applied(3).size(), 3u);
}

// That two replicas make the same bytes of one state is not promised.
TEST(Live_5_5, a_snapshot_is_begun_again_where_another_replica_made_it_differently) {
  Alone one;
  const SnapshotMark mark{LogIndex(10), Term(1), {.voters = {ReplicaId(1), ReplicaId(2)}}};
  auto chunk = [&](std::uint64_t from, std::uint64_t offset, std::uint64_t size) {
    return Message{.type = MessageType::kSnapshotChunk,
                   .from = ReplicaId(from),
                   .mark = mark,
                   .snapshot_size = size,
                   .offset = offset,
                   .chunk_length = 8,
                   .chunk = "12345678"};
  };
  auto told = [&](std::uint64_t from, std::uint64_t round) {
    return Message{.type = MessageType::kHeartbeat,
                   .from = ReplicaId(from),
                   .ballot = {Term(round), ReplicaId(from)},
                   .commit = LogIndex(10)};
  };
  one.hear(told(1, 1), MessageType::kLearn);
  one.hear(chunk(1, 0, 20), MessageType::kSnapshotAsk);
  one.core.on_chunk_written(ReplicaId(1), mark, 8, one.now);
  EXPECT_EQ(one.say(MessageType::kSnapshotAsk).at(0).offset, 8u);
  one.hear(told(2, 2), MessageType::kLearn);  // another master, whose snapshot is longer
  const auto asked = one.hear(chunk(2, 8, 30), MessageType::kSnapshotAsk);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].offset, 0u);
  one.hear(chunk(2, 0, 30), MessageType::kSnapshotAsk);
  EXPECT_EQ(one.chunks, 2u);
}

TEST(Live_5_5, a_part_that_could_not_be_kept_is_asked_for_again_from_the_beginning) {
  Alone one;
  const SnapshotMark mark{LogIndex(10), Term(1), {.voters = {ReplicaId(1)}}};
  one.hear({.type = MessageType::kHeartbeat,
            .from = ReplicaId(1),
            .ballot = {Term(1), ReplicaId(1)},
            .commit = LogIndex(10)},
           MessageType::kLearn);
  one.hear({.type = MessageType::kSnapshotChunk,
            .from = ReplicaId(1),
            .mark = mark,
            .snapshot_size = 20,
            .chunk_length = 8,
            .chunk = "12345678"},
           MessageType::kSnapshotAsk);
  EXPECT_EQ(one.chunks, 1u);  // and the driver has no room for it: on_chunk_written never comes
  one.now += 200ms;
  one.core.tick(one.now);
  EXPECT_EQ(one.say(MessageType::kLearn).size(), 1u);
}

// The one who knows that the others may elect without who has left; they do not know it yet.
TEST(Raft_9_6, who_loses_poll_after_poll_is_helped_although_it_needs_a_snapshot) {
  Cluster cluster = led();
  for (int i = 0; i < 4; ++i) cluster.propose(1, "v");
  cluster.isolate(3);
  for (int i = 0; i < 4; ++i) cluster.propose(1, "w");
  cluster.settle();
  cluster.compact(1, cluster.applied(1).size());
  cluster.compact(2, cluster.applied(2).size());
  cluster.heal();
  cluster.crash(1);
  int polls = 0;
  for (; polls < 20 && cluster.leader() != 3; ++polls) {
    cluster.campaign(3);
    for (int i = 0; i < 10 && cluster.leader() != 3; ++i) {
      cluster.settle();
      cluster.perform(3);
      cluster.tick(3);
    }
  }
  EXPECT_EQ(cluster.leader(), 3u);
  EXPECT_GT(polls, 3);
}

}  // namespace
}  // namespace polis::paxos
