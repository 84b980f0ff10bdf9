#include "replica/commands.hh"

#include "api/etcd/rpc.pb.h"
#include "replica/testing/part_test.hh"
#include "replica/wire.hh"

namespace polis::replica {
namespace {

using namespace testing;

class CommandsTest : public PartTest, protected store::ApplySink {
 protected:
  void submit(const std::string& key, std::uint64_t work = 0) {
    etcdserverpb::PutRequest request;
    request.set_key(key);
    const std::size_t at = outcomes_.size();
    outcomes_.emplace_back();
    commands_.submit(
        CommandKind::kPut, request.SerializeAsString(),
        [this, at](const store::Reply& reply) { outcomes_[at] = reply.status; }, work);
  }
  void turn_end() {
    commands_.close_bundle();
    commands_.propose();
  }
  // The log has decided on it.
  void apply(const std::string& payload) {
    commands_.on_applying();
    store->apply({Term(1), store->applied().next(), consensus::EntryKind::kCommand, share(payload)},
                 *this);
  }
  // What was forwarded, without the kind of the message.
  std::string forwarded(std::size_t at) const {
    EXPECT_EQ(transport_.sent.at(at).bytes[0], static_cast<char>(WireKind::kForward));
    return transport_.sent.at(at).bytes.substr(1);
  }
  bool ended(std::size_t at, const Status& with) const {
    return outcomes_.at(at) && outcomes_.at(at)->code == with.code &&
           outcomes_.at(at)->text == with.text;
  }

  bool wants_replies(const store::Origin& origin) override {
    return commands_.wants_replies(origin);
  }
  void on_reply(const store::Origin& origin, std::size_t command, store::Reply reply) override {
    commands_.on_reply(origin, command, std::move(reply));
  }
  void on_duplicate(const store::Origin& origin) override { commands_.on_duplicate(origin); }
  void on_lease(std::int64_t, std::int64_t, bool) override {}

  Status admitted_;  // what the cell's shortage says to every command
  std::vector<SlowRequest> slow_;
  std::vector<std::optional<Status>> outcomes_;
  Commands commands_{options_,
                     {.situation = situation_,
                      .loop = machine,
                      .transport = transport_,
                      .log = log_,
                      .store = *store,
                      .admits = [this](auto) { return admitted_; },
                      .slow = [this](const SlowRequest& slow) { slow_.push_back(slow); },
                      .counters = counters_}};
};

TEST_F(CommandsTest, what_a_turn_submits_travels_to_the_master_in_one_message) {
  submit("a");
  submit("b");
  turn_end();
  ASSERT_EQ(transport_.sent.size(), 1u);
  EXPECT_EQ(transport_.sent[0].to, kOther);
  auto bundles = bundles_in(forwarded(0));
  ASSERT_EQ(bundles.size(), 1u);
  EXPECT_EQ(bundles[0].origin, (store::Origin{kOwn, options_.incarnation, 1}));
  EXPECT_EQ(bundles[0].commands.size(), 2u);
  EXPECT_TRUE(log_.proposed.empty());
}

TEST_F(CommandsTest, each_client_is_answered_once_when_its_bundle_is_applied_here) {
  submit("a");
  submit("b");
  turn_end();
  EXPECT_FALSE(outcomes_[0].has_value());
  apply(forwarded(0));
  EXPECT_TRUE(ended(0, {}) && ended(1, {}));
  EXPECT_EQ(counters_.commands_applied, 2u);
  outcomes_.assign(2, std::nullopt);
  apply(forwarded(0));  // the network has delivered it twice
  EXPECT_FALSE(outcomes_[0].has_value());
}

TEST_F(CommandsTest, a_master_makes_one_entry_of_its_own_bundle_and_of_forwarded_ones) {
  submit("a");
  turn_end();
  const std::string others = forwarded(0);
  lead(Term(2));
  commands_.on_new_mastership();
  submit("b");
  commands_.on_forward(others);
  turn_end();
  ASSERT_EQ(log_.proposed.size(), 1u);
  EXPECT_EQ(bundles_in(log_.proposed[0]).size(), 2u);
  EXPECT_EQ(transport_.sent.size(), 1u);
}

TEST_F(CommandsTest, a_bundle_waits_for_a_master_and_goes_to_each_new_one_once) {
  follow(consensus::kNoReplica, Term(1));
  submit("a");
  turn_end();
  EXPECT_TRUE(transport_.sent.empty());
  follow(kOther, Term(2));
  commands_.resend();
  commands_.resend();
  ASSERT_EQ(transport_.sent.size(), 1u);
  follow(kThird, Term(3));
  commands_.on_new_mastership();
  commands_.resend();
  ASSERT_EQ(transport_.sent.size(), 2u);
  EXPECT_EQ(transport_.sent[1].to, kThird);
  EXPECT_EQ(forwarded(0), forwarded(1));
}

TEST_F(CommandsTest, what_may_have_been_lost_is_sent_again) {
  submit("a");
  turn_end();
  pass(options_.resend_interval - 1ms);
  commands_.expire();
  EXPECT_EQ(transport_.sent.size(), 1u);
  pass(1ms);
  commands_.expire();
  EXPECT_EQ(transport_.sent.size(), 2u);
}

TEST_F(CommandsTest, what_waits_too_long_times_out) {
  submit("a");
  turn_end();
  pass(options_.request_timeout);
  EXPECT_EQ(commands_.pending(), 1u);
  commands_.expire();
  EXPECT_TRUE(ended(0, store::status::timed_out()));
  EXPECT_EQ(commands_.pending(), 0u);
  EXPECT_EQ(counters_.commands_failed, 1u);
  ASSERT_EQ(slow_.size(), 1u);
  EXPECT_TRUE(slow_[0].timed_out);
  const std::size_t sent = transport_.sent.size();
  follow(kThird, Term(2));
  commands_.resend();
  EXPECT_EQ(transport_.sent.size(), sent);
}

// Its replies were part of a snapshot: nobody here has seen them.
TEST_F(CommandsTest, the_outcome_of_a_bundle_that_was_applied_unseen_is_unknown) {
  submit("a");
  turn_end();
  commands_.on_duplicate({kOwn, options_.incarnation, 1});
  EXPECT_TRUE(ended(0, store::status::timed_out()));
}

TEST_F(CommandsTest, what_a_master_decided_ends_with_its_mastership) {
  lead(Term(1));
  std::optional<Status> outcome;
  commands_.submit_as_master(
      {{CommandKind::kMastership, "x", [&](const auto& reply) { outcome = reply.status; }}});
  submit("a");
  commands_.close_bundle();
  follow(kOther, Term(2));
  commands_.on_new_mastership();
  commands_.resend();
  commands_.propose();
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->text, store::status::leader_changed().text);
  EXPECT_TRUE(log_.proposed.empty());
  // A client's goes to the next one.
  ASSERT_EQ(transport_.sent.size(), 1u);
  EXPECT_EQ(bundles_in(forwarded(0)).at(0).commands.at(0).first, CommandKind::kPut);
}

TEST_F(CommandsTest, more_than_may_wait_is_refused_until_something_has_ended) {
  options_.pending_bytes_max = 40;
  submit("first" + std::string(30, 'x'));
  submit("second");
  EXPECT_TRUE(ended(1, store::status::too_many_requests()));
  turn_end();
  apply(forwarded(0));
  EXPECT_TRUE(ended(0, {}));
  submit("third");
  EXPECT_FALSE(outcomes_[2].has_value());
}

TEST_F(CommandsTest, one_command_that_costs_much_is_taken_but_no_second_one) {
  options_.pending_work_max = 100;
  submit("a", 1000);
  submit("b", 1);
  submit("c");
  EXPECT_FALSE(outcomes_[0].has_value());
  EXPECT_TRUE(ended(1, store::status::too_many_requests()));
  EXPECT_FALSE(outcomes_[2].has_value());
  turn_end();
  apply(forwarded(0));
  submit("b", 1);
  EXPECT_FALSE(outcomes_[3].has_value());
}

TEST_F(CommandsTest, what_the_cell_has_no_space_for_is_refused_and_not_proposed_for_others) {
  submit("a");
  turn_end();
  lead(Term(2));
  admitted_ = store::status::no_space();
  commands_.on_forward(forwarded(0));
  submit("b");
  commands_.propose();
  EXPECT_TRUE(log_.proposed.empty());
  EXPECT_TRUE(ended(1, store::status::no_space()));
}

TEST_F(CommandsTest, a_malformed_bundle_is_not_proposed) {
  lead(Term(1));
  commands_.on_forward("no bundle");
  commands_.on_forward("");
  commands_.propose();
  EXPECT_TRUE(log_.proposed.empty());
}

TEST_F(CommandsTest, nothing_is_proposed_while_the_log_stands_still) {
  lead(Term(1));
  submit("a");
  commands_.close_bundle();
  situation_.installing = true;
  commands_.propose();
  EXPECT_TRUE(log_.proposed.empty());
  situation_.installing = false;
  commands_.propose();
  EXPECT_EQ(log_.proposed.size(), 1u);
}

TEST_F(CommandsTest, nothing_is_taken_after_the_end) {
  situation_.ended = true;
  submit("a");
  EXPECT_TRUE(ended(0, store::status::stopped()));
}

TEST_F(CommandsTest, a_slow_write_is_told_with_where_its_time_went) {
  follow(consensus::kNoReplica, Term(1));
  submit("a");
  turn_end();
  pass(200ms);
  follow(kOther, Term(2));
  commands_.resend();
  pass(400ms);
  apply(forwarded(0));
  ASSERT_EQ(slow_.size(), 1u);
  EXPECT_EQ(slow_[0].for_master, 200ms);
  EXPECT_EQ(slow_[0].for_quorum, 400ms);
  EXPECT_EQ(slow_[0].sent, 1);
}

}  // namespace
}  // namespace polis::replica
