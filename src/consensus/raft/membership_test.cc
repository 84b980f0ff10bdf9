// Who takes part. Each test proves a sentence of the Raft thesis and is named after its section.

#include <gtest/gtest.h>

#include "consensus/membership.hh"
#include "consensus/raft/testing/led.hh"

namespace polis::raft {
namespace {

using testing::Cluster;
using testing::led;
using namespace std::chrono_literals;

using consensus::Configuration;
using consensus::Member;

Configuration configuration_of(Cluster& cluster, std::uint64_t id) {
  return cluster.core(id).status().configuration;
}
Member member(std::uint64_t id, bool promote = false, std::uint64_t replaces = 0) {
  return {.id = ReplicaId(id),
          .name = "r" + std::to_string(id),
          .peer = "host" + std::to_string(id) + ":1",
          .promote = promote,
          .replaces = ReplicaId(replaces)};
}
void pass_time(Cluster& cluster, int milliseconds) {
  for (int i = 0; i < milliseconds; i += 10) {
    cluster.advance(10ms);
    cluster.settle();
  }
}
std::vector<ReplicaId> ids(std::initializer_list<std::uint64_t> numbers) {
  std::vector<ReplicaId> out;
  for (std::uint64_t n : numbers) out.emplace_back(n);
  return out;
}

TEST(Section_4_2_1, a_learner_catches_up_and_becomes_a_voter_by_itself) {
  Cluster cluster = led({.voters = 3, .spares = 1});
  for (int i = 0; i < 20; ++i) cluster.propose(1, "v");
  EXPECT_EQ(cluster.change(1, with_learner(configuration_of(cluster, 1), member(4, true))), "");
  EXPECT_EQ(configuration_of(cluster, 1).learners, ids({4}));
  pass_time(cluster, 200);
  for (std::uint64_t id : {1, 2, 3, 4}) {
    EXPECT_EQ(configuration_of(cluster, id).voters, ids({1, 2, 3, 4})) << id;
    EXPECT_FALSE(configuration_of(cluster, id).joint());
    EXPECT_TRUE(configuration_of(cluster, id).learners.empty());
  }
  EXPECT_EQ(cluster.applied(4), cluster.applied(1));
}

TEST(Section_4_2_1, a_learner_that_has_not_caught_up_is_not_promoted) {
  Cluster cluster = led({.voters = 3, .spares = 1});
  cluster.isolate(4);
  EXPECT_EQ(cluster.change(1, with_learner(configuration_of(cluster, 1), member(4, true))), "");
  pass_time(cluster, 300);
  EXPECT_EQ(configuration_of(cluster, 1).learners, ids({4}));
  EXPECT_NE(cluster.change(1, with_promoted(configuration_of(cluster, 1), ReplicaId(4)))
                .find("has not caught up"),
            std::string::npos);
}

TEST(Section_4_2_1, a_learner_waits_for_a_hand_that_promotes_it_if_it_was_added_so) {
  Cluster cluster = led({.voters = 3, .spares = 1});
  cluster.change(1, with_learner(configuration_of(cluster, 1), member(4)));
  pass_time(cluster, 300);
  EXPECT_EQ(configuration_of(cluster, 1).learners, ids({4}));
  EXPECT_EQ(cluster.change(1, with_promoted(configuration_of(cluster, 1), ReplicaId(4))), "");
  pass_time(cluster, 100);
  EXPECT_EQ(configuration_of(cluster, 4).voters, ids({1, 2, 3, 4}));
}

TEST(Section_4_3, during_a_joint_change_both_majorities_must_agree) {
  Cluster cluster = led({.voters = 3, .spares = 2});
  for (std::uint64_t id : {4, 5}) {
    cluster.change(1, with_learner(configuration_of(cluster, 1), member(id)));
    pass_time(cluster, 100);
  }
  pass_time(cluster, 100);
  Configuration target = configuration_of(cluster, 1);
  target.voters = ids({1, 4, 5});
  target.learners.clear();
  ASSERT_EQ(cluster.change(1, target), "");
  EXPECT_TRUE(configuration_of(cluster, 1).joint());
  cluster.isolate(2);
  cluster.isolate(3);
  LogIndex joint = cluster.core(1).log().last_index();
  pass_time(cluster, 200);
  EXPECT_LT(cluster.core(1).commit(), joint);  // 4 and 5 have it, the old majority has not
  EXPECT_EQ(cluster.core(4).log().last_index(), joint);
  cluster.heal();
  pass_time(cluster, 200);
  EXPECT_EQ(configuration_of(cluster, 1).voters, ids({1, 4, 5}));
  EXPECT_FALSE(configuration_of(cluster, 1).joint());
}

TEST(Section_4_3, one_change_at_a_time) {
  Cluster cluster = led({.voters = 3, .spares = 2});
  EXPECT_EQ(cluster.change(1, without(configuration_of(cluster, 1), ReplicaId(3))), "");
  EXPECT_NE(cluster.change(1, with_learner(configuration_of(cluster, 1), member(4)))
                .find("another change"),
            std::string::npos);
}

TEST(Section_4_2_2, a_leader_that_is_removed_commits_that_and_hands_over) {
  Cluster cluster = led();
  EXPECT_EQ(cluster.change(1, without(configuration_of(cluster, 1), ReplicaId(1))), "");
  cluster.settle();
  EXPECT_NE(cluster.leader(), 0u);
  EXPECT_NE(cluster.leader(), 1u);
  EXPECT_EQ(cluster.core(1).role(), consensus::Role::kLearner);
  EXPECT_EQ(configuration_of(cluster, cluster.leader()).voters, ids({2, 3}));
}

TEST(Section_4_2_2, who_is_removed_is_told_so) {
  Cluster cluster = led();
  cluster.change(1, without(configuration_of(cluster, 1), ReplicaId(3)));
  pass_time(cluster, 100);
  EXPECT_EQ(configuration_of(cluster, 3).voters, ids({1, 2}));
  EXPECT_EQ(cluster.applied(3), cluster.applied(1));
}

TEST(Section_4_1, a_configuration_that_leaves_the_log_counts_no_more) {
  Cluster cluster = led();
  cluster.isolate(1);
  cluster.change(1, without(configuration_of(cluster, 1), ReplicaId(3)));
  EXPECT_EQ(configuration_of(cluster, 1).voters, ids({1, 2}));
  cluster.campaign(2);
  cluster.settle();
  cluster.heal();
  pass_time(cluster, 200);
  EXPECT_EQ(cluster.leader(), 2u);
  EXPECT_EQ(configuration_of(cluster, 1).voters, ids({1, 2, 3}));
}

TEST(Membership, a_change_that_would_lose_the_quorum_is_refused_with_what_is_allowed) {
  Cluster cluster = led();
  Configuration named = configuration_of(cluster, 1);
  for (std::uint64_t id : {1, 2, 3}) named.put(member(id));
  ASSERT_EQ(cluster.change(1, named), "");
  cluster.settle();
  cluster.isolate(3);
  pass_time(cluster, 700);
  EXPECT_EQ(cluster.change(1, without(configuration_of(cluster, 1), ReplicaId(2))),
            "after this change 2 of 2 voters would have to answer, and r3 does not; allowed is to "
            "bring back, remove or replace: r3");
  EXPECT_EQ(cluster.change(1, without(configuration_of(cluster, 1), ReplicaId(3))), "");
}

TEST(Membership, a_dead_voter_is_replaced_in_one_step) {
  Cluster cluster = led({.voters = 3, .spares = 1});
  cluster.crash(3);
  cluster.change(1, with_learner(configuration_of(cluster, 1), member(4, true, 3)));
  pass_time(cluster, 300);
  EXPECT_EQ(configuration_of(cluster, 1).voters, ids({1, 2, 4}));
  EXPECT_EQ(configuration_of(cluster, 4).voters, ids({1, 2, 4}));
}

TEST(Membership, impossible_changes_are_refused_by_name) {
  Configuration three{.voters = ids({1, 2, 3})};
  for (std::uint64_t id : {1, 2, 3}) three.put(member(id));
  EXPECT_FALSE(with_learner(three, member(2)).has_value());
  Member same_address = member(9);
  same_address.peer = "host2:1";
  EXPECT_EQ(with_learner(three, same_address).error().text,
            "host2:1 is the address of member r2 already");
  EXPECT_EQ(without(three, ReplicaId(9)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(with_promoted(three, ReplicaId(2)).error().text, "member r2 is no learner");
  Configuration one{.voters = ids({1})};
  EXPECT_FALSE(without(one, ReplicaId(1)).has_value());
}

TEST(Section_6_4_1, a_new_quorum_has_to_confirm_the_lease_anew) {
  Cluster cluster = led({.voters = 3, .spares = 1, .reads = consensus::Reads::kLease});
  cluster.change(1, with_learner(configuration_of(cluster, 1), member(4)));
  pass_time(cluster, 200);
  ASSERT_GT(cluster.core(1).status().lease_until, cluster.now());
  cluster.change(1, with_promoted(configuration_of(cluster, 1), ReplicaId(4)));
  EXPECT_LE(cluster.core(1).status().lease_until, cluster.now());
}

}  // namespace
}  // namespace polis::raft
