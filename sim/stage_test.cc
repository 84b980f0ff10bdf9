#include "sim/stage.hh"

#include <gtest/gtest.h>

namespace polis::sim {
namespace {

using namespace std::chrono_literals;

// It is sent again after the few round trips that an answer may take: the replica's timer follows a
// deadline that comes nearer. The next heartbeat can be 50 ms away.
TEST(Paxos, a_lost_accept_with_nothing_behind_it_costs_round_trips_and_no_heartbeat) {
  const auto paxos = Stage::with(consensus::Protocol::kPaxos);
  CellConfig config;
  config.network = {.delay_min = 200us, .delay_max = 400us};
  config.disk = {.sync_min = 100us, .sync_max = 200us};
  Stage stage(config);
  const std::size_t master = stage.master();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(stage.put(master, "k", std::to_string(i)));
  for (int i = 0; i < 20; ++i) {
    stage.run_for(7ms);  // another place between two heartbeats
    stage.cut_off(master);
    const Instant begin = stage.world().now();
    stage.begin_put(master, "k", "lost " + std::to_string(i));
    stage.run_for(1ms);
    stage.heal();
    stage.until("the write is answered",
                [&] { return stage.history().operations.back().outcome == Outcome::kOk; });
    EXPECT_GE(stage.world().now() - begin, 4ms);
    EXPECT_LE(stage.world().now() - begin, 12ms);
  }
  stage.finish();
}

// With flexible:1,3 a replica needs nobody to be elected but its own disk. That may say so at any
// time, and not while the log stands still because a state takes the place of another.
TEST(Paxos, nobody_is_elected_while_a_state_is_installed) {
  const auto paxos = Stage::with(consensus::Protocol::kPaxos);
  std::size_t met = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    CellConfig config{.quorum = {.kind = consensus::QuorumKind::kFlexible, .elect = 1, .commit = 3},
                      .engine_commit_max = 1s,
                      .log_retain_bytes = 1,
                      .snapshot_chunk_bytes = 64 << 10};
    Stage stage(config, {}, seed);
    const std::size_t first = stage.master(), lags = (first + 1) % 3, second = (first + 2) % 3;
    ASSERT_TRUE(stage.put(first, "k", "1"));
    // It accepts the next one and does not hear that it is chosen.
    const auto before = stage.status(first).commit;
    stage.begin_put(first, "k", "2");
    stage.until("it is chosen", [&] { return stage.status(first).commit > before; });
    stage.crash(lags);
    stage.until("the other one has forgotten it",
                [&] { return stage.status(second).first > stage.status(first).commit; });
    stage.crash(first);
    stage.until("the other one is master", [&] { return stage.is_master(second); });
    stage.start(lags);
    bool sent = false;
    stage.cell().network().set_slow([&](const std::string& message) {
      const Stage::Said said = stage.what_is(message);
      sent = sent || (said.state && said.to == stage.node(lags).id());
      return Duration();
    });
    stage.until("a state is sent", [&] { return sent; });
    stage.run_for(5ms);
    stage.crash(second);
    stage.node(lags).disk_faults().sync_min = stage.node(lags).disk_faults().sync_max = 500ms;
    // In some runs the state had not arrived whole when its sender stopped.
    bool candidate = false, installed = false;
    for (int i = 0; i < 2000 && !installed; ++i) {
      stage.run_for(1ms);
      candidate = candidate || stage.status(lags).role.role == consensus::Role::kCandidate;
      installed = stage.node(lags).replica().counters().snapshots_installed == 1;
    }
    met += candidate && installed;
    stage.finish();
  }
  EXPECT_GT(met, 0u);
}

class HandOver : public testing::TestWithParam<consensus::Protocol> {
 protected:
  // What is asked at `place`: make that of `target` the master.
  void ask(Stage& stage, std::size_t place, consensus::ReplicaId target) {
    answer_.reset();
    stage.node(place).machine().deliver([this, &stage, place, target] {
      std::string body;
      Writer(body).u64(target.value);
      stage.node(place).replica().ask(
          replica::Question::kTransfer, body,
          [this](const store::Status& status, const std::string&) { answer_ = status; });
    });
  }

  std::shared_ptr<void> protocol_ = Stage::with(GetParam());
  std::optional<store::Status> answer_;
};

TEST_P(HandOver, is_answered_once_the_other_one_is_master) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    Stage stage({}, {}, seed);
    for (std::size_t round = 0; round < 6; ++round) {
      const std::size_t master = stage.master(), target = (master + 1 + round % 2) % 3;
      const std::size_t asked = (master + round) % 3;
      ask(stage, asked, stage.node(target).id());
      stage.until("it is answered", [&] { return answer_.has_value(); });
      EXPECT_TRUE(answer_->ok()) << answer_->text;
      EXPECT_TRUE(stage.is_master(target));
      if (asked != target) {
        EXPECT_EQ(stage.status(asked).role.master, stage.node(target).id());
      }
    }
    stage.finish();
  }
}

// The word to take over is lost: the master goes on, and whoever asked is told so.
TEST_P(HandOver, that_nobody_takes_is_answered_when_it_is_given_up) {
  Stage stage({});
  for (std::size_t round = 0; round < 3; ++round) {
    const std::size_t master = stage.master(), target = (master + 1) % 3;
    ASSERT_TRUE(stage.put(master, "k", std::to_string(round)));
    stage.cut(master, target);
    ask(stage, round % 2 == 0 ? master : (master + 2) % 3, stage.node(target).id());
    const Instant begin = stage.world().now();
    stage.until("it is answered", [&] { return answer_.has_value(); });
    EXPECT_EQ(answer_->code, store::Code::kDeadlineExceeded) << answer_->text;
    EXPECT_LE(stage.world().now() - begin, 1s);
    EXPECT_TRUE(stage.is_master(master));
    EXPECT_TRUE(stage.put(master, "k", "still " + std::to_string(round)));
    stage.heal();
    stage.run_for(1s);
  }
  stage.finish();
}

TEST_P(HandOver, to_one_who_cannot_be_master_is_refused) {
  Stage stage({});
  ask(stage, stage.follower(), consensus::ReplicaId(4711));
  stage.until("it is answered", [&] { return answer_.has_value(); });
  EXPECT_EQ(answer_->text, "etcdserver: bad leader transferee");
  stage.finish();
}

INSTANTIATE_TEST_SUITE_P(Both, HandOver,
                         testing::Values(consensus::Protocol::kRaft, consensus::Protocol::kPaxos),
                         [](const auto& each) {
                           return std::string(consensus::to_string(each.param));
                         });

}  // namespace
}  // namespace polis::sim
