#include "replica/engine_saver.hh"

#include "replica/testing/part_test.hh"

namespace polis::replica {
namespace {

using namespace testing;

// Commits when the test says so, with the result that it says.
struct HeldEngine final : storage::Engine {
  Result<bool> get(storage::RecordKey, const std::function<void(std::string_view)>&) override {
    return false;
  }
  Result<void> scan(storage::RecordKey,
                    const std::function<bool(storage::RecordKey, std::string_view)>&) override {
    return {};
  }
  Result<void> scan_named(std::string_view,
                          const std::function<void(std::string_view, std::string_view)>&) override {
    return {};
  }
  void commit_later(storage::WriteBatch batch, io::Done done) override {
    ++commits;
    records = batch.records.size();
    committing = std::move(done);
  }
  bool commit_under_way() const override { return committing != nullptr; }
  void save_snapshot_later(const std::string&, const std::string&, storage::SnapshotRows,
                           std::function<void(Result<storage::SnapshotFile>)>) override {}
  void load_snapshot_later(const std::string&, storage::SnapshotRows, io::Done) override {}
  void adopt_loaded_later(storage::WriteBatch, io::Done) override {}
  void forget_loaded() override {}
  void dispose_later(std::shared_ptr<void>) override {}
  std::uint64_t bytes_on_disk() const override { return 0; }
  std::uint64_t bytes_in_use() const override { return 0; }

  void end(const Result<void>& result) { std::exchange(committing, nullptr)(result); }

  int commits = 0;
  std::size_t records = 0;  // of the last one
  io::Done committing;
};

class EngineSaverTest : public PartTest {
 protected:
  EngineSaverTest() { pass(options_.engine_interval); }
  void put() { store_.apply(entry(CommandKind::kPut, "\x0a\x01k"), nobody_); }

  NobodyWaits nobody_;
  HeldEngine engine_;
  store::Store store_{engine_};
  bool log_at_rest_ = false;
  int notes_ = 0, ended_ = 0;
  std::optional<Error> failure_;
  EngineSaver saver_{options_,
                     {.situation = situation_,
                      .loop = machine,
                      .engine = engine_,
                      .store = store_,
                      .log_at_rest = [this] { return log_at_rest_; },
                      .note_saved_by = [this](store::Store&) { ++notes_; },
                      .ended =
                          [this](const Result<void>& result) {
                            ++ended_;
                            EXPECT_EQ(store_.durable_mark() == store_.applied_mark(),
                                      result.has_value());
                          },
                      .fatal = [this](const Error& error) { failure_ = error; }}};
};

TEST_F(EngineSaverTest, what_was_applied_is_committed_once_and_is_durable_then) {
  put();
  saver_.save_if_due();
  saver_.save();
  EXPECT_EQ(engine_.commits, 1);
  EXPECT_EQ(notes_, 1);
  engine_.end({});
  EXPECT_EQ(ended_, 1);
  pass(options_.engine_interval);
  saver_.save_if_due();
  EXPECT_EQ(engine_.commits, 1);  // there is nothing to save
}

TEST_F(EngineSaverTest, it_waits_for_its_interval_unless_there_is_much) {
  options_.engine_bytes = 1;
  put();
  saver_.save();
  engine_.end({});
  put();
  saver_.save_if_due();
  EXPECT_EQ(engine_.commits, 1);
  saver_.save_if_much();
  EXPECT_EQ(engine_.commits, 2);
}

TEST_F(EngineSaverTest, nothing_begins_while_a_snapshot_becomes_the_state) {
  put();
  situation_.installing = true;
  saver_.save();
  EXPECT_EQ(engine_.commits, 0);
}

TEST_F(EngineSaverTest, a_full_disk_is_tried_again_later_with_everything) {
  put();
  saver_.save();
  engine_.end(fail(ErrorCode::kNoSpace, "full"));
  EXPECT_EQ(ended_, 1);
  EXPECT_FALSE(failure_.has_value());
  put();
  saver_.save();
  EXPECT_EQ(engine_.commits, 1);
  pass(1s);
  saver_.save();
  EXPECT_EQ(engine_.commits, 2);
  EXPECT_EQ(engine_.records, 2u);
}

TEST_F(EngineSaverTest, any_other_error_is_the_end) {
  put();
  saver_.save();
  engine_.end(fail(ErrorCode::kIo, "broken"));
  EXPECT_TRUE(failure_.has_value());
}

TEST_F(EngineSaverTest, a_log_at_rest_is_noted_though_nothing_was_applied) {
  saver_.save();
  EXPECT_EQ(notes_, 0);
  log_at_rest_ = true;
  saver_.save();
  EXPECT_EQ(notes_, 1);
}

}  // namespace
}  // namespace polis::replica
