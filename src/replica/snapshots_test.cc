// Whole states as files: backups, the snapshot that is sent, and the one that arrives.

#include "replica/backups.hh"
#include "replica/snapshot_receiver.hh"
#include "replica/snapshot_sender.hh"
#include "replica/testing/part_test.hh"

namespace polis::replica {
namespace {

using namespace testing;

class SnapshotsTest : public PartTest {
 protected:
  void put(store::testing::MemoryStore& into) {
    into.store->apply(into.entry(CommandKind::kPut, "\x0a\x01k"), nobody_);
  }
  Fatal fatal() {
    return [this](const Error& error) { failure_ = error; };
  }
  NobodyWaits nobody_;
  std::optional<Error> failure_;
};

// --- backups

class BackupsTest : public SnapshotsTest {
 protected:
  Backups::Done note() {
    return [this](const Result<storage::SnapshotFile>& made) { made_.push_back(made.has_value()); };
  }
  std::vector<bool> made_;
  Backups backups_{{.disk = disk, .engine = *engine, .store = *store, .fatal = fatal()}};
};

TEST_F(BackupsTest, a_backup_waits_until_the_engine_holds_what_was_applied) {
  put(*this);
  backups_.add("/backup", note());
  backups_.maybe_begin();
  pass(1s);
  EXPECT_TRUE(made_.empty());
  save();
  backups_.maybe_begin();
  backups_.maybe_begin();
  pass(1s);
  EXPECT_EQ(made_, std::vector{true});
}

TEST_F(BackupsTest, each_of_several_is_made) {
  backups_.add("/one", note());
  backups_.add("/two", note());
  backups_.maybe_begin();
  pass(1s);
  EXPECT_EQ(made_.size(), 2u);
}

// --- sent

class SnapshotSenderTest : public SnapshotsTest {
 protected:
  // The log of this replica begins behind what is applied now.
  void forget_log() { log_.now.first = store->applied().next(); }
  SnapshotSender sender_{options_,
                         {.loop = machine,
                          .disk = disk,
                          .engine = *engine,
                          .store = *store,
                          .log = log_,
                          .fatal = fatal(),
                          .counters = counters_}};
};

TEST_F(SnapshotSenderTest, one_is_made_when_the_engine_holds_what_the_log_has_forgotten) {
  put(*this);
  forget_log();
  sender_.make();
  pass(1s);
  EXPECT_TRUE(log_.available.empty());
  save();
  sender_.make();
  sender_.make();
  pass(1s);
  ASSERT_EQ(log_.available.size(), 1u);
  EXPECT_EQ(log_.available[0].mark, store->applied_mark());
  EXPECT_EQ(sender_.index(), store->applied());
  EXPECT_EQ(counters_.snapshots_sent, 1u);
}

TEST_F(SnapshotSenderTest, the_same_one_serves_until_the_log_begins_behind_it) {
  put(*this);
  save();
  forget_log();
  sender_.make();
  pass(1s);
  sender_.make();
  EXPECT_EQ(log_.available.size(), 2u);
  EXPECT_EQ(counters_.snapshots_sent, 1u);
  put(*this);
  save();
  forget_log();
  sender_.make();
  pass(1s);
  EXPECT_EQ(counters_.snapshots_sent, 2u);
  EXPECT_EQ(log_.available.back().mark, store->applied_mark());
}

TEST_F(SnapshotSenderTest, chunks_are_read_of_this_snapshot_alone) {
  put(*this);
  save();
  forget_log();
  sender_.make();
  pass(1s);
  const auto size = static_cast<std::uint32_t>(log_.available.at(0).size);
  std::string bytes;
  ASSERT_TRUE(sender_.read({.snapshot = store->applied(), .offset = 0, .length = size}, bytes));
  EXPECT_EQ(bytes.size(), size);
  EXPECT_FALSE(sender_.read({.snapshot = LogIndex(9), .offset = 0, .length = 1}, bytes));
  EXPECT_FALSE(sender_.read({.snapshot = store->applied(), .offset = 1, .length = size}, bytes));
  sender_.forget();
  EXPECT_FALSE(sender_.read({.snapshot = store->applied(), .offset = 0, .length = 1}, bytes));
  EXPECT_EQ(sender_.index(), std::nullopt);
}

// --- arriving

class SnapshotReceiverTest : public SnapshotsTest {
 protected:
  SnapshotReceiverTest() {
    EXPECT_TRUE(source_.open().has_value());
    for (int i = 0; i < 5; ++i) put(source_);
    source_.save();
    std::optional<storage::SnapshotFile> made;
    source_.engine->save_snapshot_later("/snapshot", std::string(store::kMetaName),
                                        store::Store::check_rows(),
                                        [&](const auto& result) { made = *result; });
    source_.world.run_until(source_.world.now() + 1s);
    auto file = source_.disk.open("/snapshot");
    bytes_ = (*file)->read(0, made->bytes).value();
    mark_ = source_.store->applied_mark();
  }
  void arrive(std::uint64_t offset, std::size_t length) {
    receiver_.on_chunk({.from = kOther,
                        .mark = mark_,
                        .size = bytes_.size(),
                        .offset = offset,
                        .bytes = bytes_.substr(offset, length)});
  }
  void arrive_whole() {
    arrive(0, 100);
    arrive(100, bytes_.size());
  }

  store::testing::MemoryStore source_;
  std::string bytes_;
  SnapshotMark mark_;
  int installed_ = 0, goes_on_ = 0, noted_ = 0;
  SnapshotReceiver receiver_{
      options_,
      {.situation = situation_,
       .loop = machine,
       .disk = disk,
       .engine = *engine,
       .log = log_,
       .note_saved_by =
           [this](store::Store& loaded) {
             ++noted_;
             EXPECT_TRUE(situation_.stands_still());
             loaded.set_saved_by({.cell = 77, .replica = kOwn});
           },
       .install =
           [this](ReplicaId, const SnapshotMark& mark, store::Store& loaded) {
             ++installed_;
             EXPECT_FALSE(situation_.stands_still());
             store->exchange(loaded);
             EXPECT_EQ(store->applied_mark(), mark);
           },
       .log_goes_on = [this] { ++goes_on_; },
       .fatal = fatal()}};
};

TEST_F(SnapshotReceiverTest, a_snapshot_that_arrived_becomes_the_state_and_speaks_of_this_log) {
  arrive_whole();
  EXPECT_EQ(log_.written, (std::vector<std::uint64_t>{100, bytes_.size()}));
  EXPECT_EQ(installed_, 0);
  pass(1s);
  EXPECT_EQ(installed_, 1);
  EXPECT_EQ(store->applied(), source_.store->applied());
  EXPECT_EQ(store->history_hash(), source_.store->history_hash());
  EXPECT_EQ(store::saved_by_of_meta(state->named.at(std::string(store::kMetaName)))->replica, kOwn);
  EXPECT_FALSE(situation_.stands_still());
}

TEST_F(SnapshotReceiverTest, one_that_nobody_wants_any_more_changes_nothing) {
  log_.wants = false;
  arrive_whole();
  pass(1s);
  EXPECT_EQ(installed_, 0);
  EXPECT_EQ(noted_, 0);
  EXPECT_EQ(store->applied(), LogIndex(0));
}

TEST_F(SnapshotReceiverTest, a_damaged_one_is_said_to_be_damaged_and_the_next_one_is_taken) {
  const std::string whole = bytes_;
  bytes_[bytes_.size() / 2] = static_cast<char>(bytes_[bytes_.size() / 2] ^ 1);
  arrive_whole();
  pass(1s);
  EXPECT_EQ(log_.damaged, 1);
  EXPECT_EQ(installed_, 0);
  bytes_ = whole;
  arrive_whole();
  pass(1s);
  EXPECT_EQ(installed_, 1);
}

TEST_F(SnapshotReceiverTest, the_engine_changes_between_two_commits) {
  put(*this);
  bool committed = false;
  arrive_whole();
  engine->commit_later(*store->take_batch(), [&](const Result<void>&) {
    committed = true;
    store->on_batch_committed();
    receiver_.on_engine_idle();
  });
  while (!committed && world.step(world.now() + 1s)) EXPECT_EQ(installed_, 0);
  pass(1s);
  EXPECT_EQ(installed_, 1);
}

// From another master, perhaps.
TEST_F(SnapshotReceiverTest, a_chunk_that_comes_while_one_is_loaded_waits) {
  arrive_whole();
  const std::size_t written = log_.written.size();
  arrive(0, 100);
  EXPECT_EQ(log_.written.size(), written);
  log_.wants = false;  // so the first one is let go
  pass(1s);
  EXPECT_EQ(log_.written.size(), written + 1);
}

TEST_F(SnapshotReceiverTest, a_transfer_that_begins_anew_is_taken_from_the_beginning) {
  arrive(0, 100);
  arrive_whole();
  pass(1s);
  EXPECT_EQ(installed_, 1);
}

TEST_F(SnapshotReceiverTest, nothing_is_installed_after_the_end) {
  arrive_whole();
  situation_.ended = true;
  pass(1s);
  EXPECT_EQ(installed_, 0);
}

}  // namespace
}  // namespace polis::replica
