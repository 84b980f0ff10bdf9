#include "replica/decisions.hh"

#include "api/etcd/rpc.pb.h"
#include "replica/testing/part_test.hh"

namespace polis::replica {
namespace {

using namespace testing;

class DecisionsTest : public PartTest {
 protected:
  DecisionsTest() {
    Configuration three;
    three.voters = {kOwn, kOther, kThird};
    store->set_configuration(three);
    lead(Term(2));
  }
  // What was submitted has ended, as if it had been applied.
  void end_all() {
    for (OwnCommand& each : std::exchange(submitted_, {})) each.done({});
  }
  void put_some(int count) {
    for (int i = 0; i < count; ++i) store->apply(entry(CommandKind::kPut, "\x0a\x01k"), nobody_);
  }

  static const Options& with_compaction(Options& options) {
    options.auto_compaction.keep_revisions = 10;
    return options;
  }

  NobodyWaits nobody_;
  bool disk_exhausted_ = false;
  std::vector<OwnCommand> submitted_;
  Decisions decisions_{with_compaction(options_),
                       {.situation = situation_,
                        .loop = machine,
                        .transport = transport_,
                        .store = *store,
                        .disk_exhausted = [this] { return disk_exhausted_; },
                        .submit =
                            [this](std::vector<OwnCommand> commands) {
                              std::ranges::move(commands, std::back_inserter(submitted_));
                            }}};
};

TEST_F(DecisionsTest, a_new_master_names_its_mastership_before_it_decides) {
  name_mastership(nobody_);  // the log is this one's
  follow(kOther, Term(3));
  lead(Term(4));
  EXPECT_FALSE(decisions_.may_decide());
  decisions_.on_elected();
  decisions_.maybe_name_mastership();
  ASSERT_EQ(submitted_.size(), 1u);
  EXPECT_EQ(submitted_[0].kind, CommandKind::kMastership);
  Mastership named;
  Reader in(submitted_[0].bytes);
  ASSERT_TRUE(decode(in, named));
  EXPECT_EQ(named, situation_.mastership());
  store->apply(entry(CommandKind::kMastership, submitted_[0].bytes), nobody_);
  EXPECT_TRUE(decisions_.may_decide());
}

TEST_F(DecisionsTest, a_name_that_did_not_get_through_is_proposed_again) {
  name_mastership(nobody_);
  lead(Term(4));
  decisions_.maybe_name_mastership();
  end_all();
  decisions_.maybe_name_mastership();
  EXPECT_EQ(submitted_.size(), 1u);
}

TEST_F(DecisionsTest, a_decision_carries_its_mastership) {
  name_mastership(nobody_);
  decisions_.decide({{CommandKind::kLeaseRevoke, "x", nullptr}});
  ASSERT_EQ(submitted_.size(), 1u);
  ASSERT_EQ(submitted_[0].kind, CommandKind::kDecision);
  auto decision = store::decode_decision(submitted_[0].bytes);
  ASSERT_TRUE(decision.has_value());
  EXPECT_EQ(decision->by, situation_.mastership());
  EXPECT_EQ(decision->command.kind, CommandKind::kLeaseRevoke);
  EXPECT_EQ(decision->command.bytes, "x");
}

// A replica of an earlier release could not read it.
TEST_F(DecisionsTest, before_the_cells_version_allows_it_a_decision_is_a_plain_command) {
  decisions_.on_elected();
  EXPECT_TRUE(submitted_.empty());
  EXPECT_TRUE(decisions_.may_decide());
  decisions_.decide({{CommandKind::kLeaseRevoke, "x", nullptr}});
  EXPECT_EQ(submitted_.at(0).kind, CommandKind::kLeaseRevoke);
}

TEST_F(DecisionsTest,
       nothing_is_decided_without_mastership_or_space_or_while_the_log_stands_still) {
  EXPECT_TRUE(decisions_.may_decide());
  disk_exhausted_ = true;
  EXPECT_FALSE(decisions_.may_decide());
  disk_exhausted_ = false;
  situation_.installing = true;
  EXPECT_FALSE(decisions_.may_decide());
  situation_.installing = false;
  follow(kOther, Term(3));
  EXPECT_FALSE(decisions_.may_decide());
}

TEST_F(DecisionsTest, history_is_compacted_by_one_command_at_a_time) {
  put_some(20);
  decisions_.maybe_compact_history();
  decisions_.maybe_compact_history();
  ASSERT_EQ(submitted_.size(), 1u);
  etcdserverpb::CompactionRequest request;
  ASSERT_TRUE(request.ParseFromString(submitted_[0].bytes));
  EXPECT_EQ(request.revision(), 11);
  end_all();
  decisions_.maybe_compact_history();
  EXPECT_EQ(submitted_.size(), 1u);  // it is due still
}

TEST_F(DecisionsTest, the_cells_version_rises_to_what_every_member_knows) {
  transport_.versions = {{kOther, store::kCellVersionNewest}};
  decisions_.maybe_raise_cell_version();  // the third is not connected
  EXPECT_TRUE(submitted_.empty());
  transport_.versions[kThird] = 2;
  decisions_.maybe_raise_cell_version();
  decisions_.maybe_raise_cell_version();
  ASSERT_EQ(submitted_.size(), 1u);
  EXPECT_EQ(submitted_[0].kind, CommandKind::kCellVersion);
  EXPECT_EQ(Reader(submitted_[0].bytes).varint(), 2u);
}

}  // namespace
}  // namespace polis::replica
