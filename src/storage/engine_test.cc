// Both engines by the same tests, and what LMDB alone can meet.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "io/posix_disk.hh"
#include "io/reactor.hh"
#include "sim/disk.hh"
#include "storage/lmdb_engine.hh"
#include "storage/memory_engine.hh"

namespace polis::storage {
namespace {

using namespace std::chrono_literals;

// The same tests for both engines.
class EngineTest : public ::testing::TestWithParam<bool> {
 protected:
  EngineTest() {
    directory_ =
        (std::filesystem::temp_directory_path() / ("polis-engine-" + std::to_string(io::entropy())))
            .string();
    std::filesystem::create_directories(directory_);
    reopen();
  }
  ~EngineTest() override {
    engine_.reset();
    std::filesystem::remove_all(directory_);
  }
  void reopen() {
    engine_.reset();
    if (GetParam()) {
      auto opened = LmdbEngine::open(reactor_, {.directory = directory_, .map_bytes = 1 << 30});
      ASSERT_TRUE(opened.has_value()) << opened.error().text;
      engine_ = std::move(*opened);
    } else {
      engine_ = std::make_unique<MemoryEngine>(state_, reactor_, disk_, Random(1));
    }
  }
  Result<void> wait(const std::function<void(io::Done)>& start) {
    Result<void> result;
    start([&](Result<void> r) {
      result = std::move(r);
      reactor_.stop();
    });
    reactor_.run();
    return result;
  }
  Result<void> commit(WriteBatch batch) {
    return wait([&](io::Done done) { engine_->commit_later(std::move(batch), std::move(done)); });
  }
  std::string dump() {
    std::string all;
    EXPECT_TRUE(engine_
                    ->scan({},
                           [&](RecordKey k, std::string_view v) {
                             all += std::to_string(k.revision) + "." + std::to_string(k.sub) + "=" +
                                    std::string(v) + " ";
                             return true;
                           })
                    .has_value());
    EXPECT_TRUE(engine_
                    ->scan_named("",
                                 [&](std::string_view k, std::string_view v) {
                                   all += std::string(k) + ":" + std::string(v) + " ";
                                 })
                    .has_value());
    return all;
  }

  std::string directory_;
  io::Reactor reactor_;
  io::PosixDisk disk_{reactor_};
  std::shared_ptr<MemoryEngineState> state_ = std::make_shared<MemoryEngineState>();
  std::unique_ptr<Engine> engine_;
};

TEST_P(EngineTest, a_batch_is_there_after_reopening) {
  ASSERT_TRUE(
      commit({{{{2, 0}, share("b")}, {{300, 1}, share("c")}}, {}, {{"applied", "9"}}}).has_value());
  reopen();
  EXPECT_EQ(dump(), "2.0=b 300.1=c applied:9 ");
  std::string got;
  EXPECT_TRUE(engine_->get({300, 1}, [&](std::string_view v) { got = v; }).value());
  EXPECT_EQ(got, "c");
  EXPECT_FALSE(engine_->get({300, 0}, [](std::string_view) {}).value());
}

TEST_P(EngineTest, removed_records_and_names_are_gone) {
  ASSERT_TRUE(commit({{{{1, 0}, share("a")}, {{2, 0}, share("b")}}, {}, {{"x", "1"}, {"y", "2"}}})
                  .has_value());
  ASSERT_TRUE(
      commit({{}, {{1, 0}, {7, 7}}, {{"x", std::nullopt}, {"z", std::nullopt}}}).has_value());
  EXPECT_EQ(dump(), "2.0=b y:2 ");
}

TEST_P(EngineTest, a_snapshot_carries_everything_into_another_engine) {
  std::string big(300'000, 'v');
  ASSERT_TRUE(
      commit({{{{1, 0}, share(big)}, {{2, 0}, share("")}}, {}, {{"applied", "2"}}}).has_value());
  std::string before = dump();
  std::string path = directory_ + "/snapshot";
  ASSERT_TRUE(wait([&](io::Done done) {
                engine_->save_snapshot_later(path, "applied", {}, [done](Result<SnapshotFile> r) {
                  EXPECT_GT(r.value().bytes, 300'000u);
                  EXPECT_EQ(r->named, "2");
                  done({});
                });
              }).has_value());
  ASSERT_TRUE(commit({{{{3, 0}, share("later")}}, {{1, 0}}, {{"other", "1"}}}).has_value());
  std::string now = dump(), seen;
  SnapshotRows also{[&](std::string_view name, std::string_view value) -> Result<void> {
                      seen += fmt::format("{}:{} ", name, value);
                      return {};
                    },
                    [&](RecordKey key, std::string_view bytes) -> Result<void> {
                      seen += fmt::format("{}.{}={} ", key.revision, key.sub, bytes);
                      return {};
                    }};
  ASSERT_TRUE(
      wait([&](io::Done done) { engine_->load_snapshot_later(path, also, done); }).has_value());
  EXPECT_EQ(seen.size(), before.size());
  EXPECT_TRUE(seen.starts_with("applied:2 1.0=v"));
  EXPECT_EQ(dump(), now);
  ASSERT_TRUE(wait([&](io::Done done) { engine_->adopt_loaded_later({}, done); }).has_value());
  EXPECT_EQ(dump(), before);
  reopen();
  EXPECT_EQ(dump(), before);
}

TEST_P(EngineTest, a_loaded_snapshot_is_adopted_together_with_what_is_said_of_it) {
  ASSERT_TRUE(commit({{{{1, 0}, share("a")}}, {}, {{"applied", "1"}}}).has_value());
  const std::string path = directory_ + "/snapshot";
  ASSERT_TRUE(wait([&](io::Done done) {
                engine_->save_snapshot_later(path, "applied", {},
                                             [done](Result<SnapshotFile>) { done({}); });
              }).has_value());
  ASSERT_TRUE(commit({{{{2, 0}, share("b")}}, {}, {{"applied", "2"}}}).has_value());
  ASSERT_TRUE(
      wait([&](io::Done done) { engine_->load_snapshot_later(path, {}, done); }).has_value());
  ASSERT_TRUE(wait([&](io::Done done) {
                engine_->adopt_loaded_later({{}, {}, {{"applied", "1, of here"}}}, done);
              }).has_value());
  reopen();
  EXPECT_EQ(dump(), "1.0=a applied:1, of here ");
}

TEST_P(EngineTest, a_damaged_snapshot_changes_nothing) {
  ASSERT_TRUE(commit({{{{1, 0}, share("a")}}, {}, {{"applied", "1"}}}).has_value());
  std::string path = directory_ + "/snapshot";
  ASSERT_TRUE(wait([&](io::Done done) {
                engine_->save_snapshot_later(path, "applied", {},
                                             [done](Result<SnapshotFile>) { done({}); });
              }).has_value());
  auto file = disk_.open(path);
  ASSERT_TRUE((*file)->write(22, "X").has_value());
  auto loaded = wait([&](io::Done done) { engine_->load_snapshot_later(path, {}, done); });
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(dump(), "1.0=a applied:1 ");
}

TEST_P(EngineTest, rows_that_are_refused_are_neither_saved_nor_loaded) {
  ASSERT_TRUE(commit({{{{1, 0}, share("a")}}, {}, {{"applied", "1"}}}).has_value());
  std::string path = directory_ + "/snapshot";
  SnapshotRows refuse{.record = [](RecordKey, std::string_view) -> Result<void> {
    return fail(ErrorCode::kCorrupt, "refused");
  }};
  auto save = [&](const SnapshotRows& rows) {
    return wait([&](io::Done done) {
      engine_->save_snapshot_later(path, "applied", rows, [done](Result<SnapshotFile> r) {
        done(r ? Result<void>() : std::unexpected(r.error()));
      });
    });
  };
  EXPECT_EQ(save(refuse).error().text, "refused");
  ASSERT_TRUE(save({}).has_value());
  auto loaded = wait([&](io::Done done) { engine_->load_snapshot_later(path, refuse, done); });
  EXPECT_EQ(loaded.error().text, "refused");
  EXPECT_EQ(dump(), "1.0=a applied:1 ");
}

class LmdbEngineTest : public EngineTest {};

// The size limit ends within the write, as a disk may: the system writes what fits and fails
// nothing.
TEST_P(LmdbEngineTest, a_write_that_is_cut_short_is_a_full_disk_and_works_again_later) {
  ASSERT_TRUE(commit({{{{1, 0}, share("a")}}, {}, {}}).has_value());
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = std::filesystem::file_size(directory_ + "/state.mdb") + (100 << 10) + 2000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const SharedBytes large = share(std::string(1 << 20, 'b'));
  auto refused = commit({{{{2, 0}, large}}, {}, {}});
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_DFL);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kNoSpace) << refused.error().text;
  EXPECT_EQ(dump(), "1.0=a ");
  ASSERT_TRUE(commit({{{{2, 0}, large}}, {}, {}}).has_value());
  reopen();
  EXPECT_EQ(dump(), "1.0=a 2.0=" + *large + " ");
}

INSTANTIATE_TEST_SUITE_P(Real, LmdbEngineTest, ::testing::Values(true),
                         [](const auto&) { return "Lmdb"; });
INSTANTIATE_TEST_SUITE_P(Both, EngineTest, ::testing::Bool(),
                         [](const auto& engine) { return engine.param ? "Lmdb" : "Memory"; });

}  // namespace
}  // namespace polis::storage
