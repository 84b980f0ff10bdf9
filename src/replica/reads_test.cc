#include "replica/reads.hh"

#include "replica/testing/part_test.hh"

namespace polis::replica {
namespace {

using namespace testing;

class ReadsTest : public PartTest {
 protected:
  static constexpr std::uint64_t kFirst = 1000;
  void add() {
    outcomes_.emplace_back();
    reads_.add([this, at = outcomes_.size() - 1](const Status& status) { outcomes_[at] = status; });
  }
  void apply_one() { store->apply(entry(CommandKind::kPut, "\x0a\x01k"), nobody_); }
  bool served(std::size_t at) const { return outcomes_[at] && outcomes_[at]->ok(); }

  NobodyWaits nobody_;
  std::vector<SlowRequest> slow_;
  std::vector<std::optional<Status>> outcomes_;
  Reads reads_{options_,
               kFirst,
               {.situation = situation_,
                .loop = machine,
                .log = log_,
                .store = *store,
                .slow = [this](const SlowRequest& slow) { slow_.push_back(slow); }}};
};

TEST_F(ReadsTest, the_reads_of_a_turn_share_one_round) {
  add();
  add();
  reads_.ask();
  reads_.ask();
  EXPECT_EQ(log_.reads, std::vector{ReadId(kFirst)});
  reads_.on_answers({{ReadId(kFirst), LogIndex(0)}}, {});
  EXPECT_TRUE(served(0) && served(1));
}

TEST_F(ReadsTest, a_read_that_comes_while_a_round_is_under_way_is_not_answered_by_it) {
  add();
  reads_.ask();
  add();
  reads_.ask();
  EXPECT_EQ(log_.reads.size(), 1u);
  reads_.on_answers({{ReadId(kFirst), LogIndex(0)}}, {});
  EXPECT_TRUE(served(0));
  EXPECT_FALSE(outcomes_[1].has_value());
  reads_.ask();
  EXPECT_EQ(log_.reads.size(), 2u);
}

TEST_F(ReadsTest, a_read_is_served_only_when_its_index_is_applied) {
  add();
  reads_.ask();
  reads_.on_answers({{ReadId(kFirst), LogIndex(1)}}, {});
  EXPECT_FALSE(outcomes_[0].has_value());
  apply_one();
  reads_.on_answers({}, {});
  EXPECT_TRUE(served(0));
}

TEST_F(ReadsTest, nothing_is_asked_without_a_master) {
  follow(consensus::kNoReplica, Term(1));
  add();
  reads_.ask();
  EXPECT_TRUE(log_.reads.empty());
}

TEST_F(ReadsTest, a_refused_round_is_asked_again_after_a_pause_under_another_name) {
  add();
  reads_.ask();
  reads_.on_answers({}, {ReadId(kFirst)});
  reads_.ask();
  EXPECT_EQ(log_.reads.size(), 1u);
  pass(10ms);
  reads_.ask();
  EXPECT_EQ(log_.reads.back(), ReadId(kFirst + 1));
  // An answer to the first one is none to the second.
  reads_.on_answers({{ReadId(kFirst), LogIndex(0)}}, {});
  EXPECT_FALSE(outcomes_[0].has_value());
}

TEST_F(ReadsTest, a_lost_round_and_one_of_an_earlier_mastership_are_asked_again) {
  add();
  reads_.ask();
  pass(options_.resend_interval);
  reads_.expire();
  reads_.ask();
  EXPECT_EQ(log_.reads.size(), 2u);
  reads_.on_new_mastership();
  reads_.ask();
  EXPECT_EQ(log_.reads.size(), 3u);
  reads_.on_answers({{log_.reads.back(), LogIndex(0)}}, {});
  EXPECT_TRUE(served(0));
}

TEST_F(ReadsTest, what_waits_too_long_times_out_wherever_it_waits) {
  add();
  reads_.ask();
  reads_.on_answers({{ReadId(kFirst), LogIndex(9)}}, {});
  add();
  pass(options_.request_timeout);
  reads_.expire();
  for (const auto& outcome : outcomes_) {
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome->text, store::status::timed_out().text);
  }
}

TEST_F(ReadsTest, nothing_is_read_after_the_end) {
  situation_.ended = true;
  add();
  EXPECT_EQ(outcomes_[0]->text, store::status::stopped().text);
}

TEST_F(ReadsTest, a_slow_read_is_told_with_where_its_time_went) {
  follow(consensus::kNoReplica, Term(1));
  add();
  pass(300ms);
  follow(kOther, Term(2));
  reads_.ask();
  pass(250ms);
  reads_.on_answers({{ReadId(kFirst), LogIndex(0)}}, {});
  ASSERT_EQ(slow_.size(), 1u);
  EXPECT_EQ(slow_[0].for_master, 300ms);
  EXPECT_EQ(slow_[0].for_quorum, 250ms);
}

}  // namespace
}  // namespace polis::replica
