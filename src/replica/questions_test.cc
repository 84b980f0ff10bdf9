#include "replica/questions.hh"

#include "replica/testing/part_test.hh"
#include "replica/wire.hh"

namespace polis::replica {
namespace {

using namespace testing;

class QuestionsTest : public PartTest {
 protected:
  static constexpr std::uint64_t kFirst = 500;
  struct Outcome {
    Status status;
    std::string body;
  };
  void ask(const std::string& body) {
    questions_.ask(Question::kLeaseRenew, body, [this](Status status, std::string reply) {
      outcomes_.push_back({std::move(status), std::move(reply)});
    });
  }
  void deliver(const std::string& message) {
    Reader in(message);
    const auto kind = static_cast<WireKind>(in.u8());
    kind == WireKind::kQuestion ? questions_.on_question(kThird, in) : questions_.on_answer(in);
  }
  std::string answer_to(std::uint64_t number, const Status& status, std::string_view body) {
    std::string message;
    Writer out(message);
    out.u8(static_cast<std::uint8_t>(WireKind::kAnswer));
    out.varint(number);
    out.varint(static_cast<std::uint64_t>(status.code));
    out.string(status.text);
    out.string(body);
    return message;
  }

  std::vector<Outcome> outcomes_;
  std::vector<std::string> asked_;    // of this replica as master
  std::vector<Answered> unanswered_;  // of these
  Questions questions_{
      options_,
      kFirst,
      {.situation = situation_,
       .loop = machine,
       .transport = transport_,
       .answer = [this](Question, std::string_view body, Instant, const Answered& done) {
         asked_.emplace_back(body);
         unanswered_.push_back(done);
       }}};
};

TEST_F(QuestionsTest, a_question_goes_to_the_master_and_its_answer_to_who_asked) {
  ask("x");
  ASSERT_EQ(transport_.sent.size(), 1u);
  EXPECT_EQ(transport_.sent[0].to, kOther);
  deliver(answer_to(kFirst, {}, "reply"));
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_EQ(outcomes_[0].body, "reply");
  deliver(answer_to(kFirst, {}, "again"));
  EXPECT_EQ(outcomes_.size(), 1u);
}

TEST_F(QuestionsTest, a_refusal_arrives_with_its_code_and_text) {
  ask("x");
  deliver(answer_to(kFirst, store::status::lease_not_found(), ""));
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_EQ(outcomes_[0].status.code, store::Code::kNotFound);
  EXPECT_EQ(outcomes_[0].status.text, store::status::lease_not_found().text);
}

TEST_F(QuestionsTest, a_master_answers_others_unless_it_is_none_any_more) {
  ask("x");
  const std::string message = transport_.sent[0].bytes;
  deliver(message);
  EXPECT_TRUE(asked_.empty());  // a follower leaves it
  lead(Term(2));
  deliver(message);
  ASSERT_EQ(asked_, std::vector<std::string>{"x"});
  unanswered_[0](store::status::leader_changed(), {});
  EXPECT_EQ(transport_.sent.size(), 1u);
  unanswered_[0]({}, "reply");
  ASSERT_EQ(transport_.sent.size(), 2u);
  EXPECT_EQ(transport_.sent[1].to, kThird);
  EXPECT_EQ(transport_.sent[1].bytes, answer_to(kFirst, {}, "reply"));
}

TEST_F(QuestionsTest, a_masters_own_question_goes_no_way) {
  lead(Term(1));
  ask("x");
  EXPECT_TRUE(transport_.sent.empty());
  ASSERT_EQ(unanswered_.size(), 1u);
  unanswered_[0]({}, "reply");
  EXPECT_EQ(outcomes_.size(), 1u);
}

TEST_F(QuestionsTest, an_open_question_goes_to_the_next_master_once) {
  follow(consensus::kNoReplica, Term(1));
  ask("x");
  EXPECT_TRUE(transport_.sent.empty());
  follow(kOther, Term(2));
  questions_.resend();
  questions_.resend();
  EXPECT_EQ(transport_.sent.size(), 1u);
  lead(Term(3));
  questions_.resend();
  pass(1ms);
  EXPECT_EQ(transport_.sent.size(), 1u);
  ASSERT_EQ(unanswered_.size(), 1u);
  // It is not the master any more before it could answer.
  unanswered_[0](store::status::leader_changed(), {});
  EXPECT_TRUE(outcomes_.empty());
  follow(kThird, Term(4));
  questions_.resend();
  EXPECT_EQ(transport_.sent.back().to, kThird);
}

TEST_F(QuestionsTest, what_may_have_been_lost_is_asked_again_and_ends_at_last) {
  ask("x");
  pass(options_.resend_interval);
  questions_.expire();
  EXPECT_EQ(transport_.sent.size(), 2u);
  pass(options_.request_timeout);
  questions_.expire();
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_EQ(outcomes_[0].status.text, store::status::timed_out().text);
}

TEST_F(QuestionsTest, malformed_answers_are_dropped) {
  ask("x");
  std::string message = answer_to(kFirst, {}, "reply");
  message.pop_back();
  deliver(message);
  deliver(answer_to(kFirst, {}, "reply") + "more");
  EXPECT_TRUE(outcomes_.empty());
}

}  // namespace
}  // namespace polis::replica
