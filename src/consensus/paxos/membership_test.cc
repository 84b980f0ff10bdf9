// Changes of who takes part.

#include <gtest/gtest.h>

#include "consensus/membership.hh"
#include "consensus/paxos/testing/alone.hh"
#include "consensus/paxos/testing/led.hh"

namespace polis::paxos {
namespace {

using testing::Alone;
using testing::at;
using testing::Cluster;
using testing::led;
using namespace std::chrono_literals;

TEST(Membership, a_voter_is_replaced_while_commands_go_on) {
  Cluster cluster = led({.voters = 3, .spares = 1});
  EXPECT_EQ(
      cluster.change(
          1, with_learner(
                 cluster.core(1).configuration(),
                 {.id = ReplicaId(4), .peer = "4", .promote = true, .replaces = ReplicaId(3)})),
      "");
  for (int i = 0; i < 40; ++i) {
    cluster.propose(1, "v");
    cluster.settle();
    cluster.advance(30ms);
    cluster.settle();
  }
  const std::vector<ReplicaId> expected{ReplicaId(1), ReplicaId(2), ReplicaId(4)};
  EXPECT_EQ(cluster.core(1).configuration().voters, expected);
  EXPECT_FALSE(cluster.core(1).configuration().joint());
  EXPECT_EQ(cluster.core(4).configuration().voters, expected);
  EXPECT_EQ(cluster.applied(4), cluster.applied(1));
}

TEST(Membership, a_configuration_is_proposed_behind_everything_else) {
  Cluster cluster = led({.voters = 3, .spares = 1});
  cluster.settle();
  cluster.propose(1, "open");
  EXPECT_EQ(cluster.change(1, with_learner(cluster.core(1).configuration(),
                                           {.id = ReplicaId(4), .peer = "4"})),
            "");
  EXPECT_EQ(at(cluster, 1, 2), "-");
  // What is proposed meanwhile waits, and comes behind it.
  EXPECT_TRUE(cluster.propose(1, "later"));
  EXPECT_EQ(at(cluster, 1, 3), "-");
  for (int i = 0; i < 5; ++i) {
    cluster.settle();
    cluster.advance(60ms);
  }
  cluster.settle();
  EXPECT_EQ(at(cluster, 1, 3), "later");
  EXPECT_EQ(cluster.applied(2).size(), 3u);
}

TEST(Membership, half_of_a_change_needs_both_sets) {
  Cluster cluster = led({.voters = 3, .spares = 1});
  cluster.change(1,
                 with_learner(cluster.core(1).configuration(), {.id = ReplicaId(4), .peer = "4"}));
  for (int i = 0; i < 8; ++i) {
    cluster.settle();
    cluster.advance(30ms);
  }
  cluster.settle();
  // 4 comes in the place of 3: {1, 2, 3} and {1, 2, 4}. The joint one reaches 1 and 2.
  auto target = without(cluster.core(1).configuration(), ReplicaId(3));
  target = with_promoted(*target, ReplicaId(4));
  ASSERT_EQ(cluster.change(1, target), "");
  cluster.settle();
  // Where it is held, neither 2 alone with 3, nor with 4, may be enough for both.
  EXPECT_TRUE(cluster.core(2).configuration().joint() ||
              cluster.core(2).configuration().voters == target->voters);
  for (int i = 0; i < 10; ++i) {
    cluster.advance(60ms);
    cluster.settle();
  }
  EXPECT_EQ(cluster.core(1).configuration().voters, target->voters);
}

TEST(Membership, who_has_never_been_heard_is_not_promoted) {
  Cluster cluster = led({.voters = 3, .spares = 1});
  cluster.isolate(4);
  cluster.change(1, with_learner(cluster.core(1).configuration(),
                                 {.id = ReplicaId(4), .peer = "4", .promote = true}));
  for (int i = 0; i < 40; ++i) {
    cluster.settle();
    cluster.advance(30ms);
  }
  EXPECT_TRUE(cluster.core(1).configuration().is_learner(ReplicaId(4)));
  cluster.heal();
  for (int i = 0; i < 40; ++i) {
    cluster.settle();
    cluster.advance(30ms);
  }
  EXPECT_TRUE(cluster.core(1).configuration().is_voter(ReplicaId(4)));
}

// It votes from when it holds the configuration that says so, and may be elected; what is chosen
// still calls it a learner. It goes on, and chooses the rest of the change.
TEST(Membership, who_is_promoted_by_what_is_not_chosen_yet_can_be_master) {
  Cluster cluster = led({.voters = 3, .spares = 1});
  ASSERT_EQ(cluster.change(1, with_learner(cluster.core(1).configuration(),
                                           {.id = ReplicaId(4), .peer = "4", .promote = true})),
            "");
  // Until a configuration that makes it a voter is under way; nobody hears that it is chosen.
  auto makes_it_voter = [](const Entry& entry) {
    if (entry.kind != consensus::EntryKind::kConfiguration) return false;
    consensus::Configuration told;
    Reader in(*entry.data);
    return decode(in, told) && told.is_voter(ReplicaId(4));
  };
  auto accept_of_joint = [&] {
    return std::any_of(cluster.network().begin(), cluster.network().end(), [&](const Message& m) {
      return m.to == ReplicaId(4) &&
             std::any_of(m.entries.begin(), m.entries.end(), makes_it_voter);
    });
  };
  for (int i = 0; i < 10'000 && !accept_of_joint(); ++i) {
    if (cluster.network().empty()) cluster.advance(30ms);
    if (cluster.network().empty() || accept_of_joint()) continue;
    const Message m = cluster.network().front();
    cluster.network().pop_front();
    cluster.deliver(m);
  }
  ASSERT_TRUE(accept_of_joint());
  cluster.crash(1);
  cluster.settle();
  ASSERT_TRUE(cluster.core(4).configuration().is_learner(ReplicaId(4)));
  cluster.campaign(4);
  for (int i = 0; i < 1000 && cluster.leader() != 4 && !cluster.network().empty(); ++i) {
    const Message m = cluster.network().front();
    cluster.network().pop_front();
    cluster.deliver(m);
  }
  ASSERT_EQ(cluster.leader(), 4u);
  cluster.network().clear();
  cluster.beat(4);
  EXPECT_EQ(cluster.leader(), 4u);
  for (int i = 0; i < 20; ++i) {
    cluster.settle();
    cluster.advance(30ms);
  }
  EXPECT_EQ(cluster.leader(), 4u);
  EXPECT_TRUE(cluster.core(4).configuration().is_voter(ReplicaId(4)));
  EXPECT_FALSE(cluster.core(4).configuration().joint());
}

// It holds the end of a change of which it does not know that any of it is chosen.
TEST(Membership, who_votes_only_by_what_is_held_is_polled_too) {
  Alone replica;
  const consensus::Configuration to{.voters = {ReplicaId(1), ReplicaId(3), ReplicaId(4)},
                                    .members = {{.id = ReplicaId(4), .peer = "4"}}};
  std::string bytes;
  Writer out(bytes);
  encode(out, to);
  replica.hear({.type = MessageType::kAccept,
                .from = ReplicaId(1),
                .ballot = {Term(1), ReplicaId(1)},
                .slot = LogIndex(5),
                .entries = {{Term(1), LogIndex(5), consensus::EntryKind::kConfiguration,
                             share(std::move(bytes)), ReplicaId(1)}}},
               MessageType::kAccepted);
  ASSERT_TRUE(replica.reachable);
  EXPECT_NE(replica.reachable->find(ReplicaId(4)), nullptr);
  EXPECT_EQ(replica.core.configuration().find(ReplicaId(4)), nullptr);
  replica.now += 5s;
  replica.core.tick(replica.now);
  std::vector<ReplicaId> polled;
  for (const Message& poll : replica.say(MessageType::kPoll)) polled.push_back(poll.to);
  EXPECT_EQ(polled, (std::vector{ReplicaId(1), ReplicaId(4)}));
}

}  // namespace
}  // namespace polis::paxos
