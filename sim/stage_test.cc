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
    bool candidate = false;
    stage.until("it is installed", [&] {
      candidate = candidate || stage.status(lags).role.role == consensus::Role::kCandidate;
      return stage.node(lags).replica().counters().snapshots_installed == 1;
    });
    met += candidate;
    stage.finish();
  }
  EXPECT_GT(met, 0u);
}

}  // namespace
}  // namespace polis::sim
