// Each test proves a sentence of the Raft thesis and is named after its section.

#include <gtest/gtest.h>

#include "consensus/membership.hh"
#include "consensus/raft/testing/kind.hh"

namespace polis::raft {
namespace {

using testing::Cluster;
using namespace std::chrono_literals;

// A cluster in which replica 1 leads and everyone knows.
Cluster led(Cluster::Settings settings = {}) {
  Cluster cluster(settings);
  cluster.campaign(1);
  cluster.settle();
  EXPECT_EQ(cluster.leader(), 1u);
  return cluster;
}

int count(const Cluster& cluster, MessageType type) {
  int n = 0;
  for (const Message& m : cluster.network()) n += m.type == type;
  return n;
}

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

// --- the master lease

Cluster led_by_lease() {
  Cluster cluster = led({.reads = consensus::Reads::kLease});
  cluster.advance(50ms);  // a heartbeat, which a quorum answers
  cluster.settle();
  return cluster;
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
  Message request{.type = MessageType::kVote,
                  .from = ReplicaId(3),
                  .to = ReplicaId(2),
                  .term = Term(9),
                  .index = LogIndex(100),
                  .log_term = Term(8)};
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
  Message request{.type = MessageType::kVote,
                  .from = ReplicaId(3),
                  .to = ReplicaId(2),
                  .term = Term(9),
                  .index = LogIndex(100),
                  .log_term = Term(8)};
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

// --- what a transport may tell

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

// --- membership

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

TEST(Single, a_cell_of_one_leads_at_once_and_serves) {
  Cluster cluster({.voters = 1});
  cluster.tick(1);
  EXPECT_EQ(cluster.leader(), 1u);
  cluster.propose(1, "x");
  cluster.read(1, 3);
  EXPECT_EQ(cluster.applied(1).at(LogIndex(2)), "x");
  EXPECT_EQ(cluster.reads(1).size(), 1u);
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

TEST(Options, an_impossible_relation_is_named) {
  Options options{.id = ReplicaId(1)};
  options.election_timeout_min = 100ms;
  ASSERT_FALSE(options.validate().has_value());
  EXPECT_NE(options.validate().error().text.find("heartbeat"), std::string::npos);
}

}  // namespace
}  // namespace polis::raft
