#include "agent/runner.hh"

#include <gtest/gtest.h>

#include "agent/testing/shim_bench.hh"

namespace polis::agent {
namespace {

TEST(RunnerTest, what_is_still_starting_is_asked_to_stop_as_soon_as_its_shim_answers) {
  ShimBench bench;
  io::PosixDisk disk(bench.reactor());
  io::SystemProcesses processes(bench.reactor());
  Prober prober(bench.reactor(), bench.reactor().network(), processes);
  Runner runner({bench.reactor(), disk, bench.shims(), prober}, "a", bench.make_directory("a"),
                [] {});
  InstancePlan plan{.spec = bench.shell("exec sleep 1000")};
  plan.options.stop_grace = std::chrono::hours(1);
  runner.want(plan);
  runner.want_nothing("in the same turn");
  EXPECT_EQ(runner.instance().phase(), Phase::kStopping);
  EXPECT_TRUE(bench.run_until([&] { return runner.gone(); }));
}

}  // namespace
}  // namespace polis::agent
