// Small cells, every way. That it finds what is wrong: mutants/mutants_test.cc.

#include "sim/explore.hh"

#include <gtest/gtest.h>

namespace polis::sim {
namespace {

class Exploration : public ::testing::TestWithParam<consensus::Protocol> {};

TEST_P(Exploration, no_way_through_small_cells_breaks_a_promise) {
  for (const ExploreBounds& bounds : short_explorations()) {
    const Explored found = explore(GetParam(), bounds);
    EXPECT_EQ(found.violation, "") << describe(bounds);
    EXPECT_TRUE(found.complete);
    EXPECT_GT(found.committed_most, 0u) << describe(bounds);
    std::printf("%s: %lu states, %lu steps\n", describe(bounds).c_str(), found.states,
                found.transitions);
  }
}

TEST_P(Exploration, states_that_differ_only_in_who_is_who_are_one) {
  for (std::uint64_t replicas : {2, 3}) {
    ExploreBounds bounds{.replicas = replicas, .timeouts = 1};
    const Explored folded = explore(GetParam(), bounds);
    bounds.fold = false;
    const Explored all = explore(GetParam(), bounds);
    const std::uint64_t renamings = replicas == 2 ? 2 : 6;
    EXPECT_LE(all.states, renamings * folded.states);
    EXPECT_GT(2 * all.states, renamings * folded.states);  // few states are like themselves
    EXPECT_EQ(all.committed_most, folded.committed_most);
  }
}

TEST_P(Exploration, is_cut_off_where_it_is_told_to) {
  const auto cut = explore(GetParam(), {.states_max = 1000});
  EXPECT_FALSE(cut.complete);
  EXPECT_LT(cut.states, 1100u);
}

INSTANTIATE_TEST_SUITE_P(Both, Exploration,
                         ::testing::Values(consensus::Protocol::kRaft, consensus::Protocol::kPaxos),
                         [](const auto& chosen) { return to_string(chosen.param); });

}  // namespace
}  // namespace polis::sim
