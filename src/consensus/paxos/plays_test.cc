// Each play (testing/plays.hh) holds.

#include <gtest/gtest.h>

#include "consensus/paxos/testing/plays.hh"

namespace polis::paxos {
namespace {

class Plays : public ::testing::TestWithParam<testing::Play> {};

TEST_P(Plays, hold) { EXPECT_EQ(outcome(GetParam()), std::nullopt); }

INSTANTIATE_TEST_SUITE_P(All, Plays, ::testing::ValuesIn(testing::kPlays),
                         [](const auto& play) { return std::string(play.param.name); });

}  // namespace
}  // namespace polis::paxos
