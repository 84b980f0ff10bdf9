// Each test proves a rule of the papers ("Paxos Made Simple", "Paxos Made Live") or one of this
// implementation's own.

#include <gtest/gtest.h>

#include "consensus/membership.hh"
#include "consensus/paxos/testing/plays.hh"

namespace polis::paxos {
namespace {

using testing::Cluster;
using namespace std::chrono_literals;

// A cluster in which replica 1 is master and everyone knows.
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

void lose(Cluster& cluster, std::uint64_t to) {
  std::erase_if(cluster.network(), [&](const Message& m) { return m.to == ReplicaId(to); });
}

std::string at(Cluster& cluster, std::uint64_t id, std::uint64_t slot) {
  const Entry* held = cluster.core(id).slots().find(LogIndex(slot));
  return held == nullptr ? "-" : consensus::testing::text_of(*held);
}

TEST(Simple_2_2, a_proposer_with_promises_of_a_majority_is_master) {
  Cluster cluster = led();
  EXPECT_EQ(cluster.core(2).promised(), cluster.core(1).promised());
  EXPECT_EQ(cluster.core(1).promised().replica, ReplicaId(1));
}

TEST(Simple_2_2, ballots_of_two_replicas_differ_even_in_one_round) {
  Cluster cluster({.voters = 3, .pre_vote = false});
  cluster.campaign(1);
  cluster.campaign(2);
  EXPECT_EQ(cluster.core(1).promised().round, cluster.core(2).promised().round);
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
                   .ballot = {promised.round, ReplicaId(1)},
                   .slot = LogIndex(1),
                   .entries = {{promised.round, LogIndex(1), consensus::EntryKind::kCommand,
                                share("old"), ReplicaId(1)}}});
  EXPECT_EQ(count(cluster, MessageType::kReject), 1);
  EXPECT_EQ(at(cluster, 3, 1), "-");
}

TEST(Simple_2_2, a_new_master_proposes_what_may_have_been_chosen) {
  Cluster cluster = led();
  cluster.propose(1, "a");
  // It reaches one more, whose answer is lost: chosen, and nobody knows.
  lose(cluster, 3);
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
  for (std::uint64_t id : {2, 3, 4, 5}) lose(cluster, id);  // on 1 alone
  cluster.crash(1);
  cluster.campaign(2);
  cluster.settle();
  cluster.propose(2, "new");
  for (std::uint64_t id : {1, 3, 4}) lose(cluster, id);  // on 2 and 5
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
  lose(cluster, 3);
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
  lose(cluster, 2);
  lose(cluster, 3);
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
  lose(cluster, 2);
  lose(cluster, 3);
  cluster.propose(1, "x");
  std::vector<int> sent_at;  // to replica 2, in milliseconds
  for (int ms = 0; ms <= 70; ++ms) {
    if (count(cluster, MessageType::kAccept) > 0) sent_at.push_back(ms);
    lose(cluster, 2);
    lose(cluster, 3);
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
  lose(cluster, 2);
  lose(cluster, 3);
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

TEST(Live_5_5, even_when_it_needs_a_snapshot_for_that) {
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

// A replica alone, to which a test says everything.
struct Alone {
  Paxos core{{.id = ReplicaId(3)},
             {.mark = {.configuration = {.voters = {ReplicaId(1), ReplicaId(2), ReplicaId(3)}}}},
             Instant(100s)};
  Instant now{100s};

  // Its messages of this type that came of it.
  std::vector<Message> hear(Message message, MessageType type) {
    message.to = ReplicaId(3);
    core.step(std::move(message), now);
    return say(type);
  }
  std::vector<Message> say(MessageType type) {
    std::vector<Message> found;
    for (Output out = core.take_output();
         out.ticket || !out.messages.empty() || !out.messages_after_persist.empty() ||
         !out.chunks.empty();
         out = core.take_output()) {
      if (out.ticket) core.on_persisted(*out.ticket, now);
      for (auto* all : {&out.messages, &out.messages_after_persist}) {
        std::copy_if(all->begin(), all->end(), std::back_inserter(found),
                     [&](const Message& m) { return m.type == type; });
      }
      chunks += out.chunks.size();
      if (out.configuration) reachable = out.configuration;
    }
    return found;
  }
  std::size_t chunks = 0;  // handed to the driver
  std::optional<consensus::Configuration> reachable;
};

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
  lose(cluster, 3);
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

class Plays : public ::testing::TestWithParam<testing::Play> {};

TEST_P(Plays, hold) { EXPECT_EQ(outcome(GetParam()), std::nullopt); }

INSTANTIATE_TEST_SUITE_P(All, Plays, ::testing::ValuesIn(testing::kPlays),
                         [](const auto& play) { return std::string(play.param.name); });

}  // namespace
}  // namespace polis::paxos
