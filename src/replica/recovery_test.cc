// What a replica finds when it starts: its state, its log, or not all of them.

#include <gtest/gtest.h>

#include "api/etcd/rpc.pb.h"
#include "replica/replica.hh"
#include "sim/disk.hh"
#include "storage/memory_engine.hh"

namespace polis::replica {
namespace {

using namespace std::chrono_literals;

struct NoTransport final : Transport {
  void send(ReplicaId, std::string) override {}
  void flush() override {}
  std::uint32_t cell_version_of(ReplicaId) const override { return 0; }
};

// A cell of one that can be stopped, and what is on its disk.
class RecoveryTest : public ::testing::TestWithParam<Protocol> {
 protected:
  static constexpr ReplicaId kOwn{7};
  static constexpr std::size_t kSavedByBytes = 8 + 8 + 1 + 8;  // docs/formats/record.md

  Result<void> try_start() {
    disk_ = std::make_unique<sim::SimulatedDisk>(machine_, contents_,
                                                 std::make_shared<sim::DiskFaults>(), Random(1));
    engine_ = std::make_unique<storage::MemoryEngine>(state_, machine_, *disk_, Random(1), 1ms);
    Options options;
    options.identity = {1, kOwn};
    options.protocol = GetParam();
    options.initial.voters = {kOwn};
    options.incarnation = ++incarnation_;
    options.begun = begun_;
    options.directory = "/polis";
    options.wal_segment_bytes = 256 << 10;
    options.cell_version_newest = 1;  // values without checksums, which tests may alter
    auto opened = Replica::open(
        options, {machine_, *disk_, *engine_, transport_, [](const Error&) {}, {}, {}, {}, {}});
    if (!opened) return std::unexpected(opened.error());
    replica_ = std::move(*opened);
    machine_.at_turn_end([this] {
      if (replica_) replica_->turn_end();
    });
    return {};
  }
  void start() {
    auto started = try_start();
    ASSERT_TRUE(started.has_value()) << started.error().text;
    world_.run_until(world_.now() + 3s);  // it is elected
  }
  void stop() {
    machine_.crash();
    replica_.reset();
    engine_.reset();
    Random random(1);
    contents_->crash(random);
  }
  void put(const std::string& key) {
    etcdserverpb::PutRequest request;
    request.set_key(key);
    bool done = false;
    machine_.deliver([&] {
      replica_->submit(CommandKind::kPut, request.SerializeAsString(),
                       [&](const Reply& reply) { done = reply.status.ok(); });
    });
    world_.run_until(world_.now() + 100ms);
    ASSERT_TRUE(done);
  }
  // Puts something, and time passes.
  void live() {
    start();
    put("k");
    world_.run_until(world_.now() + 2s);
  }
  void expect_refused(const std::string& text) {
    auto started = try_start();
    ASSERT_FALSE(started.has_value());
    EXPECT_EQ(started.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(started.error().text.find(text), std::string::npos) << started.error().text;
  }
  // As releases of before wrote it: without how far the log was durable.
  void forget_reach() {
    std::string& meta = state_->named.at(std::string(store::kMetaName));
    ASSERT_TRUE(store::saved_by_of_meta(meta));
    meta.resize(meta.size() - kSavedByBytes);
    ASSERT_FALSE(store::saved_by_of_meta(meta));
  }

  sim::World world_{1};
  sim::Machine machine_{world_, 0};
  std::shared_ptr<sim::DiskContents> contents_ = std::make_shared<sim::DiskContents>();
  std::shared_ptr<storage::MemoryEngineState> state_ =
      std::make_shared<storage::MemoryEngineState>();
  std::unique_ptr<sim::SimulatedDisk> disk_;
  std::unique_ptr<storage::MemoryEngine> engine_;
  NoTransport transport_;
  std::unique_ptr<Replica> replica_;
  std::uint64_t incarnation_ = 0;
  bool begun_ = false;
};

TEST_P(RecoveryTest, a_log_that_is_gone_is_missed) {
  live();
  stop();
  contents_->lose("/polis/wal");
  expect_refused("/polis/wal holds no log");
}

TEST_P(RecoveryTest, a_log_that_was_emptied_is_missed) {
  live();
  stop();
  contents_->empty("/polis/wal");
  expect_refused("its end is missing");
}

// Also what the log holds beside entries: after the last write a vote, a promise.
TEST_P(RecoveryTest, the_last_record_before_a_silence_is_missed) {
  live();
  const auto last = replica_->wal().place_of(replica_->wal().durable() - 8);
  stop();
  contents_->cut(last->path, last->offset);
  expect_refused("its end is missing");
}

TEST_P(RecoveryTest, what_an_earlier_release_left_is_accepted_and_marked) {
  live();
  stop();
  forget_reach();
  start();
  world_.run_until(world_.now() + 1s);
  stop();
  contents_->lose("/polis/wal");
  expect_refused("/polis/wal holds no log");
}

TEST_P(RecoveryTest, a_state_without_any_log_is_refused_whoever_wrote_it) {
  live();
  stop();
  forget_reach();
  contents_->lose("/polis/wal");
  expect_refused("/polis/wal holds no log");
}

// All that is left is the memory that there was something.
TEST_P(RecoveryTest, a_directory_that_has_lost_log_and_state_is_refused) {
  live();
  stop();
  contents_->lose("/polis/wal");
  *state_ = {};
  begun_ = true;
  expect_refused("/polis/wal holds no log");
}

TEST_P(RecoveryTest, a_state_that_is_lost_is_made_again_from_a_whole_log) {
  live();
  stop();
  *state_ = {};
  start();
  EXPECT_EQ(replica_->store().keys(), 1u);
}

TEST_P(RecoveryTest, a_state_from_elsewhere_says_nothing_of_this_log) {
  live();
  stop();
  std::string& meta = state_->named.at(std::string(store::kMetaName));
  meta.resize(meta.size() - kSavedByBytes);
  Writer(meta).u64(1);
  Writer(meta).u64(8);  // another replica's
  Writer(meta).u8(0);
  Writer(meta).u64(1ULL << 40);
  start();
  EXPECT_EQ(store::saved_by_of_meta(state_->named.at(std::string(store::kMetaName)))->replica,
            kOwn);
}

// How far the log is durable is told to the state with what it saves anyway, and once when the log
// has come to rest: a cell that nobody uses writes nothing.
TEST_P(RecoveryTest, a_cell_at_rest_saves_nothing) {
  live();
  const std::string before = state_->named.at(std::string(store::kMetaName));
  EXPECT_EQ(store::saved_by_of_meta(before)->log_durable, replica_->wal().durable());
  world_.run_until(world_.now() + 10s);
  EXPECT_EQ(state_->named.at(std::string(store::kMetaName)), before);
  EXPECT_FALSE(engine_->commit_under_way());
}

INSTANTIATE_TEST_SUITE_P(Both, RecoveryTest, ::testing::Values(Protocol::kRaft, Protocol::kPaxos),
                         [](const auto& protocol) { return to_string(protocol.param); });

}  // namespace
}  // namespace polis::replica
