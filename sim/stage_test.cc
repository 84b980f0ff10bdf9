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

}  // namespace
}  // namespace polis::sim
