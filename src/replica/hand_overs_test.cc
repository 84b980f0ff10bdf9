#include "replica/hand_overs.hh"

#include "replica/testing/part_test.hh"

namespace polis::replica {
namespace {

using namespace testing;

class HandOversTest : public PartTest {
 protected:
  HandOversTest() {
    lead(Term(1));
    log_.now.configuration.voters = {kOwn, kOther, kThird};
    log_.now.peers = {{.id = kOther, .match = LogIndex(5), .heard = {}},
                      {.id = kThird, .match = LogIndex(9), .heard = {}}};
  }
  Answered note() {
    return [this](const Status& status, const std::string&) { outcomes_.push_back(status); };
  }
  void sync_takes(Duration time, int times) {
    for (int i = 0; i < times; ++i) syncs_.add(time, machine.now());
  }

  std::set<ReplicaId> full_;
  std::vector<Status> outcomes_;
  SyncTimes syncs_;
  HandOvers hand_overs_{options_,
                        {.situation = situation_,
                         .loop = machine,
                         .log = log_,
                         .has_room = [this](ReplicaId member) { return !full_.contains(member); },
                         .counters = counters_}};
};

TEST_F(HandOversTest, the_voter_that_is_furthest_is_the_best) {
  bool done = false;
  hand_overs_.begin_to_best([&] { done = true; });
  EXPECT_EQ(log_.transfers, std::vector{kThird});
  EXPECT_FALSE(done);
  follow(kThird, Term(2));
  hand_overs_.end();
  EXPECT_TRUE(done);
}

TEST_F(HandOversTest, one_with_room_is_better_than_one_that_is_further) {
  full_ = {kThird};
  hand_overs_.begin_to_best([] {});
  EXPECT_EQ(log_.transfers, std::vector{kOther});
}

TEST_F(HandOversTest, neither_a_learner_nor_one_that_needs_a_snapshot_is_asked) {
  log_.now.configuration.voters = {kOwn, kOther};
  log_.now.peers[0].snapshotting = true;
  bool done = false;
  hand_overs_.begin_to_best([&] { done = true; });
  EXPECT_TRUE(done);
  EXPECT_TRUE(log_.transfers.empty());
}

TEST_F(HandOversTest, who_is_not_master_has_nothing_to_hand_over) {
  follow(kOther, Term(2));
  bool done = false;
  hand_overs_.begin_to_best([&] { done = true; });
  EXPECT_TRUE(done);
}

TEST_F(HandOversTest, one_that_is_asked_for_twice_goes_on_as_it_is) {
  hand_overs_.begin(kOther, note());
  pass(options_.consensus.election_timeout_max / 2);
  hand_overs_.begin(kOther, note());
  EXPECT_EQ(log_.transfers.size(), 1u);
  pass(options_.consensus.election_timeout_max / 2);
  hand_overs_.expire();
  ASSERT_EQ(outcomes_.size(), 2u);
  EXPECT_EQ(outcomes_[1].text, store::status::transfer_timed_out().text);
}

TEST_F(HandOversTest, a_refusal_says_whether_the_target_or_the_moment_is_wrong) {
  log_.refusal = Error{ErrorCode::kInvalid, ""};
  hand_overs_.begin(ReplicaId(9), note());
  log_.refusal = Error{ErrorCode::kUnavailable, ""};
  hand_overs_.begin(kOther, note());
  ASSERT_EQ(outcomes_.size(), 2u);
  EXPECT_EQ(outcomes_[0].text, store::status::bad_transferee().text);
  EXPECT_EQ(outcomes_[1].text, store::status::no_leader().text);
}

TEST_F(HandOversTest, a_slow_disk_is_left_after_some_syncs_and_not_again_at_once) {
  hand_overs_.on_elected(syncs_);
  sync_takes(options_.slow_sync + 1ms, 7);
  hand_overs_.maybe_leave_bad_disk({.syncs = syncs_, .sync_waits_since = machine.now()});
  EXPECT_TRUE(log_.transfers.empty());
  sync_takes(options_.slow_sync + 1ms, 1);
  hand_overs_.maybe_leave_bad_disk({.syncs = syncs_, .sync_waits_since = {}});
  EXPECT_TRUE(log_.transfers.empty());  // nothing is slow while nothing is written
  hand_overs_.maybe_leave_bad_disk({.syncs = syncs_, .sync_waits_since = machine.now()});
  EXPECT_EQ(log_.transfers.size(), 1u);
  EXPECT_EQ(counters_.slow_hand_overs, 1u);
  hand_overs_.end();
  pass(29s);
  hand_overs_.maybe_leave_bad_disk({.syncs = syncs_, .sync_waits_since = machine.now()});
  EXPECT_EQ(log_.transfers.size(), 1u);
  pass(1s);
  hand_overs_.maybe_leave_bad_disk({.syncs = syncs_, .sync_waits_since = machine.now()});
  EXPECT_EQ(log_.transfers.size(), 2u);
}

TEST_F(HandOversTest, a_disk_that_does_not_answer_is_left) {
  const Instant since = machine.now();
  pass(5 * options_.slow_sync);
  hand_overs_.maybe_leave_bad_disk({.syncs = syncs_, .sync_waits_since = since});
  EXPECT_TRUE(log_.transfers.empty());
  pass(1ms);
  hand_overs_.maybe_leave_bad_disk({.syncs = syncs_, .sync_waits_since = since});
  EXPECT_EQ(log_.transfers.size(), 1u);
}

TEST_F(HandOversTest, a_full_disk_is_left_soon_again) {
  hand_overs_.maybe_leave_bad_disk({.syncs = syncs_, .sync_waits_since = {}, .is_full = true});
  hand_overs_.end();
  pass(3s);
  hand_overs_.maybe_leave_bad_disk({.syncs = syncs_, .sync_waits_since = {}, .is_full = true});
  EXPECT_EQ(log_.transfers.size(), 2u);
}

}  // namespace
}  // namespace polis::replica
