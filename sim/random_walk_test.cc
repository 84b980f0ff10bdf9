// Random walks over the pure cores of both protocols.

#include <gtest/gtest.h>

#include <cstdlib>

#include "consensus/paxos/testing/kind.hh"
#include "consensus/raft/testing/kind.hh"
#include "consensus/testing/walk.hh"

namespace polis::consensus::testing {
namespace {

template <class Kind>
class RandomWalk : public ::testing::Test {};
using Kinds = ::testing::Types<raft::testing::Kind, paxos::testing::Kind>;
struct Names {
  template <class Kind>
  static std::string GetName(int) {
    return Kind::kName;
  }
};
TYPED_TEST_SUITE(RandomWalk, Kinds, Names);

TYPED_TEST(RandomWalk, safety_holds_under_faults_and_progress_returns) {
  const char* first = std::getenv("POLIS_WALK_FIRST");  // other ones
  const char* asked = std::getenv("POLIS_WALK_SEEDS");  // more for a long search
  const std::uint64_t seed = first != nullptr ? std::strtoull(first, nullptr, 10) : 1;
  const std::uint64_t seeds = asked != nullptr ? std::strtoull(asked, nullptr, 10) : 1000;
  for (std::uint64_t i = seed; i < seed + seeds; ++i)
    ASSERT_EQ(walk<TypeParam>(i), std::nullopt) << "seed " << i;
}

}  // namespace
}  // namespace polis::consensus::testing
