#include "replica/member_changes.hh"

#include "replica/testing/part_test.hh"

namespace polis::replica {
namespace {

using namespace testing;

class MemberChangesTest : public PartTest {
 protected:
  struct Outcome {
    Status status;
    std::string body;
  };
  MemberChangesTest() {
    lead(Term(3));
    log_.now.role = situation_.role;
    log_.now.last = LogIndex(10);
    log_.now.configuration_settled = true;
    log_.now.configuration.voters = {kOwn, kOther};
    log_.now.configuration.learners = {kThird};
    for (ReplicaId id : {kOwn, kOther, kThird}) log_.now.configuration.put({.id = id});
  }
  void add(const MemberChange& change) { add_bytes(encode(change)); }
  void add_bytes(const std::string& bytes) {
    outcomes_.emplace_back();
    changes_.add(bytes, [this, at = outcomes_.size() - 1](Status status, std::string body) {
      outcomes_[at] = {std::move(status), std::move(body)};
    });
  }
  void add_member(const std::string& peer) {
    add({.kind = MemberChange::Kind::kAdd, .peer = peer});
  }
  // The last one that the log took is applied.
  void apply(LogIndex index) {
    log_.now.configuration = log_.changes.back();
    log_.now.last = index;
    changes_.on_configuration_applied({index, Term(3), log_.changes.back()});
  }
  ChangeOutcome outcome(std::size_t at) {
    return decode_outcome(outcomes_.at(at)->status, outcomes_.at(at)->body);
  }
  void expect_refused(std::size_t at, store::Code code, ChangeRefusal why,
                      const std::string& part) {
    ASSERT_TRUE(outcomes_[at].has_value());
    EXPECT_EQ(outcomes_[at]->status.code, code);
    EXPECT_EQ(outcome(at).refusal, why);
    EXPECT_NE(outcomes_[at]->status.text.find(part), std::string::npos)
        << outcomes_[at]->status.text;
  }

  std::vector<std::optional<Outcome>> outcomes_;
  MemberChanges changes_{options_, {.situation = situation_, .loop = machine, .log = log_}};
};

TEST_F(MemberChangesTest, changes_are_made_one_after_the_other) {
  add_member("a:1");
  add_member("b:1");
  changes_.maybe_begin();
  changes_.maybe_begin();
  ASSERT_EQ(log_.changes.size(), 1u);
  EXPECT_EQ(log_.changes[0].learners.size(), 2u);
  apply(LogIndex(11));
  EXPECT_TRUE(outcomes_[0].has_value());
  EXPECT_FALSE(outcomes_[1].has_value());
  changes_.maybe_begin();
  EXPECT_EQ(log_.changes.size(), 2u);
}

TEST_F(MemberChangesTest, the_answer_names_the_new_member_whose_id_nobody_ever_had) {
  add_member("a:1");
  changes_.maybe_begin();
  apply(LogIndex(11));
  add_member("a:2");
  changes_.maybe_begin();
  apply(LogIndex(12));
  const ReplicaId first = outcome(0).member, second = outcome(1).member;
  EXPECT_NE(first, second);
  EXPECT_TRUE(log_.now.configuration.is_learner(first));
  EXPECT_TRUE(log_.now.configuration.is_learner(second));
}

TEST_F(MemberChangesTest, a_change_has_not_ended_while_the_configuration_is_joint) {
  add({.kind = MemberChange::Kind::kRemove, .id = kOther});
  changes_.maybe_begin();
  Configuration joint = log_.changes.back();
  joint.voters_outgoing = {kOwn, kOther};
  changes_.on_configuration_applied({LogIndex(11), Term(3), joint});
  EXPECT_FALSE(outcomes_[0].has_value());
  apply(LogIndex(12));
  EXPECT_TRUE(outcomes_[0]->status.ok());
}

TEST_F(MemberChangesTest, a_change_waits_until_the_one_before_is_settled) {
  log_.now.configuration_settled = false;
  add_member("a:1");
  changes_.maybe_begin();
  EXPECT_EQ(log_.changes_asked, 0);
  // The configuration before it is no end of it.
  changes_.on_configuration_applied({LogIndex(10), Term(3), log_.now.configuration});
  EXPECT_FALSE(outcomes_[0].has_value());
}

TEST_F(MemberChangesTest, refusals_say_why_and_the_next_one_has_its_turn) {
  add({.kind = MemberChange::Kind::kRemove, .id = ReplicaId(99)});
  add({.kind = MemberChange::Kind::kPromote, .id = kOther});
  add({});
  add_bytes("\x03");
  add_member("a:1");
  changes_.maybe_begin();
  const auto code = store::Code::kFailedPrecondition;
  expect_refused(0, store::Code::kNotFound, ChangeRefusal::kNoSuchMember, "polis: ");
  expect_refused(1, code, ChangeRefusal::kNoLearner, "no learner");
  expect_refused(2, code, ChangeRefusal::kOther, "no such change");
  expect_refused(3, code, ChangeRefusal::kOther, "cannot be read");
  EXPECT_EQ(log_.changes.size(), 1u);
}

// A member may be called anything: the text of a refusal says nothing of its kind.
TEST_F(MemberChangesTest, why_a_change_is_refused_does_not_depend_on_the_names_in_its_text) {
  const std::string name = "one that would have to answer, is no learner and has not caught up";
  log_.now.configuration.put({.id = kOther, .name = name, .peer = "a:1"});
  add_member("a:1");
  changes_.maybe_begin();
  expect_refused(0, store::Code::kFailedPrecondition, ChangeRefusal::kAddressTaken, name);
  log_.now.configuration.voters = {kOther};
  add({.kind = MemberChange::Kind::kRemove, .id = kOther});
  changes_.maybe_begin();
  expect_refused(1, store::Code::kFailedPrecondition, ChangeRefusal::kOther, name);
  log_.refusal = Error{ErrorCode::kNoQuorum, "has not caught up"};
  add_member("b:1");
  changes_.maybe_begin();
  expect_refused(2, store::Code::kFailedPrecondition, ChangeRefusal::kNoQuorum, "");
}

TEST_F(MemberChangesTest, a_promotion_that_has_to_wait_is_tried_for_a_while) {
  log_.refusal = Error{ErrorCode::kBehind, "its log ends early"};
  add({.kind = MemberChange::Kind::kPromote, .id = kThird});
  changes_.maybe_begin();
  pass(1s);
  changes_.maybe_begin();
  EXPECT_FALSE(outcomes_[0].has_value());
  EXPECT_EQ(log_.changes_asked, 2);
  pass(1s);
  changes_.maybe_begin();
  expect_refused(0, store::Code::kFailedPrecondition, ChangeRefusal::kNotCaughtUp, "ends early");
}

TEST_F(MemberChangesTest, who_is_not_master_any_more_gives_up) {
  add_member("a:1");
  add_member("b:1");
  changes_.maybe_begin();
  follow(kOther, Term(4));
  changes_.give_up();
  for (const auto& outcome : outcomes_)
    EXPECT_EQ(outcome->status.text, store::status::leader_changed().text);
  changes_.maybe_begin();
  EXPECT_EQ(log_.changes.size(), 1u);
}

TEST_F(MemberChangesTest, what_waits_too_long_times_out) {
  log_.now.configuration_settled = false;
  add_member("a:1");
  pass(options_.request_timeout);
  changes_.expire();
  EXPECT_EQ(outcomes_[0]->status.text, store::status::timed_out().text);
}

TEST_F(MemberChangesTest, no_more_than_so_many_wait) {
  for (int i = 0; i < 65; ++i) add_member("a:" + std::to_string(i + 1));
  EXPECT_FALSE(outcomes_[63].has_value());
  EXPECT_EQ(outcomes_[64]->status.text, store::status::too_many_requests().text);
}

}  // namespace
}  // namespace polis::replica
