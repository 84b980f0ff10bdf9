#include <gtest/gtest.h>

#include <cstdlib>

#include "consensus/raft/testing/walk.hh"

namespace polis::raft {
namespace {

TEST(RandomWalk, safety_holds_under_faults_and_progress_returns) {
  const char* asked = std::getenv("POLIS_WALK_SEEDS");  // more for a long search
  const std::uint64_t seeds = asked != nullptr ? std::strtoull(asked, nullptr, 10) : 1000;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed)
    ASSERT_EQ(testing::walk(seed), std::nullopt) << "seed " << seed;
}

}  // namespace
}  // namespace polis::raft
