// Cells and clients on simulated connections: runs of the profile `wire`, and its scenarios by
// name.

#include <gtest/gtest.h>

#include "sim/run.hh"
#include "sim/wire_scenarios.hh"

namespace polis::sim {
namespace {

constexpr std::uint64_t kSeeds = 25;  // of each protocol; `polis sim --profile wire` does many

class Wire : public ::testing::TestWithParam<consensus::Protocol> {};

TEST_P(Wire, no_seed_breaks_a_promise) {
  std::size_t acknowledged = 0, crashes = 0, leases = 0;
  std::uint64_t connections = 0, renewals = 0, streams = 0, locks_held = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    RunResult result = run({.seed = seed, .protocol = GetParam(), .profile = Profile::kWire});
    ASSERT_FALSE(result.violation.has_value())
        << "polis sim --profile wire --seed " << seed << ": " << *result.violation << "\n"
        << result.config;
    EXPECT_LT(result.events, 3'000'000u) << "polis sim --profile wire --seed " << seed;
    acknowledged += result.acknowledged;
    crashes += result.crashes;
    leases += result.leases;
    connections += result.connections;
    renewals += result.renewals;
    streams += result.streams;
    locks_held += result.locks_held;
  }
  // The runs did what they are for.
  EXPECT_GT(acknowledged, 300 * kSeeds);
  EXPECT_GT(crashes, kSeeds);
  EXPECT_GT(leases, 5 * kSeeds);
  EXPECT_GT(connections, 20 * kSeeds);
  EXPECT_GT(renewals, 20 * kSeeds);
  EXPECT_GT(streams, 4 * kSeeds);
  EXPECT_GT(locks_held, kSeeds);
}

TEST_P(Wire, the_same_seed_gives_the_same_run) {
  for (std::uint64_t seed : {3, 17}) {
    const RunOptions options{.seed = seed, .protocol = GetParam(), .profile = Profile::kWire};
    const RunResult first = run(options), second = run(options);
    EXPECT_EQ(first.digest, second.digest) << seed;
    EXPECT_EQ(first.events, second.events) << seed;
  }
}

TEST_P(Wire, scenarios_hold) {
  for (const Scenario& scenario : wire_scenarios())
    EXPECT_EQ(scenario.run(GetParam()), std::nullopt) << scenario.name;
}

INSTANTIATE_TEST_SUITE_P(Both, Wire,
                         ::testing::Values(consensus::Protocol::kRaft, consensus::Protocol::kPaxos),
                         [](const auto& chosen) { return std::string(to_string(chosen.param)); });

}  // namespace
}  // namespace polis::sim
