#include "replica/kept_leases.hh"

#include "api/etcd/rpc.pb.h"
#include "replica/testing/part_test.hh"

namespace polis::replica {
namespace {

using namespace testing;

class KeptLeasesTest : public PartTest, public store::ApplySink {
 protected:
  static constexpr std::int64_t kLease = 42, kTtl = 5;

  KeptLeasesTest() { lead(Term(2)); }
  void grant() {
    etcdserverpb::LeaseGrantRequest request;
    request.set_id(kLease);
    request.set_ttl(kTtl);
    store->apply(entry(CommandKind::kLeaseGrant, request.SerializeAsString()), *this);
  }
  void revoke() {
    etcdserverpb::LeaseRevokeRequest request;
    request.set_id(kLease);
    store->apply(entry(CommandKind::kLeaseRevoke, request.SerializeAsString()), *this);
  }
  void ask(Question question) {
    leases_.answer(question, kLease, machine.now(), [this](Status status, std::string body) {
      answers_.push_back({std::move(status), body.empty() ? -1 : Reader(body).i64()});
    });
  }
  void confirm(const Status& status = {}) {
    for (auto& done : std::exchange(confirming_, {})) done(status);
  }
  // As upkeep does it.
  void pass_and_look(Duration time) {
    for (; time > 0ms; time -= 20ms) {
      pass(20ms);
      leases_.maybe_end_some();
    }
  }

  bool wants_replies(const store::Origin&) override { return false; }
  void on_reply(const store::Origin&, std::size_t, store::Reply) override {}
  void on_duplicate(const store::Origin&) override {}
  void on_lease(std::int64_t id, std::int64_t ttl, bool granted) override {
    leases_.on_lease(id, ttl, granted);
  }

  struct Answer {
    Status status;
    std::int64_t seconds;
  };
  std::vector<Answer> answers_;
  std::vector<std::function<void(Status)>> confirming_;
  std::vector<OwnCommand> ends_;
  Decisions decisions_{options_,
                       {.situation = situation_,
                        .loop = machine,
                        .transport = transport_,
                        .store = *store,
                        .disk_exhausted = [] { return false; },
                        .submit =
                            [this](std::vector<OwnCommand> commands) {
                              for (OwnCommand& each : commands) ends_.push_back(std::move(each));
                            }}};
  KeptLeases leases_{
      {.situation = situation_,
       .loop = machine,
       .store = *store,
       .decisions = decisions_,
       .confirm = [this](std::function<void(Status)> done) { confirming_.push_back(done); }}};
};

TEST_F(KeptLeasesTest, a_lease_ends_once_after_a_quorum_has_confirmed_the_mastership) {
  leases_.maybe_start();
  grant();
  pass_and_look(5s - 20ms);
  EXPECT_TRUE(confirming_.empty());
  pass_and_look(100ms);
  EXPECT_EQ(confirming_.size(), 1u);
  EXPECT_TRUE(ends_.empty());
  confirm();
  ASSERT_EQ(ends_.size(), 1u);
  EXPECT_EQ(ends_[0].kind, CommandKind::kLeaseRevoke);
  pass_and_look(3s);
  confirm();
  EXPECT_EQ(ends_.size(), 1u);
}

TEST_F(KeptLeasesTest, a_renewal_that_comes_before_the_confirmation_saves_the_lease) {
  leases_.maybe_start();
  grant();
  pass_and_look(5s + 20ms);
  ASSERT_EQ(confirming_.size(), 1u);
  auto ending = std::exchange(confirming_, {});
  ask(Question::kLeaseRenew);
  confirm();
  EXPECT_EQ(answers_.at(0).seconds, kTtl);
  ending[0]({});
  EXPECT_TRUE(ends_.empty());
}

TEST_F(KeptLeasesTest, no_lease_ends_by_a_mastership_that_was_not_confirmed_or_is_over) {
  leases_.maybe_start();
  grant();
  pass_and_look(5s + 20ms);
  confirm(store::status::timed_out());
  EXPECT_TRUE(ends_.empty());
  pass_and_look(20ms);
  EXPECT_EQ(confirming_.size(), 1u);
  lead(Term(3));
  leases_.stop();
  confirm();
  EXPECT_TRUE(ends_.empty());
}

TEST_F(KeptLeasesTest, a_new_master_gives_each_lease_its_full_term) {
  grant();
  pass(4s);
  leases_.maybe_start();
  ask(Question::kLeaseRemaining);
  confirm();
  EXPECT_EQ(answers_.at(0).seconds, kTtl);
}

TEST_F(KeptLeasesTest, a_question_waits_until_leases_are_kept) {
  name_mastership(*this);
  lead(Term(3));  // the log does not say so yet
  grant();
  leases_.maybe_start();
  ask(Question::kLeaseRenew);
  confirm();
  EXPECT_TRUE(answers_.empty());
  name_mastership(*this);
  leases_.maybe_start();
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0].seconds, kTtl);
}

TEST_F(KeptLeasesTest, a_question_about_a_lease_that_is_ending_waits_for_its_end) {
  leases_.maybe_start();
  grant();
  pass_and_look(5s + 20ms);
  confirm();
  ask(Question::kLeaseRenew);
  confirm();
  EXPECT_TRUE(answers_.empty());
  revoke();
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0].status.code, store::Code::kNotFound);
}

TEST_F(KeptLeasesTest, a_lease_whose_end_failed_goes_on_and_can_be_renewed) {
  leases_.maybe_start();
  grant();
  pass_and_look(5s + 20ms);
  confirm();
  ask(Question::kLeaseRenew);
  confirm();
  ends_.at(0).done({store::status::timed_out(), {}, 0});
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0].seconds, kTtl);
  pass_and_look(3s);
  EXPECT_EQ(ends_.size(), 1u);
}

TEST_F(KeptLeasesTest, who_is_not_master_any_more_says_so) {
  grant();
  ask(Question::kLeaseRenew);
  follow(kOther, Term(3));
  confirm();
  EXPECT_EQ(answers_.at(0).status.text, store::status::leader_changed().text);
}

TEST_F(KeptLeasesTest, after_a_stall_renewals_that_waited_come_first) {
  leases_.maybe_start();
  grant();
  pass_and_look(4s);
  pass(2s);  // the process stood still
  leases_.maybe_end_some();
  EXPECT_TRUE(confirming_.empty());
  pass_and_look(1s);
  EXPECT_EQ(confirming_.size(), 1u);
}

}  // namespace
}  // namespace polis::replica
