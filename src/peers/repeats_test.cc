#include "peers/repeats.hh"

#include <gtest/gtest.h>

namespace polis::peers {
namespace {

TEST(Repeats, a_line_is_said_once_and_again_after_a_while_with_how_often_it_came) {
  Repeats repeats;
  Instant now{std::chrono::hours(1)};
  EXPECT_EQ(repeats.say("refused", now), 0u);
  for (int i = 0; i < 100; ++i)
    EXPECT_FALSE(repeats.say("refused", now += std::chrono::milliseconds(50)));
  EXPECT_EQ(repeats.say("another", now), 0u);
  EXPECT_EQ(repeats.say("refused", now + Repeats::kSayAgainAfter), 100u);
  EXPECT_FALSE(repeats.say("refused", now + Repeats::kSayAgainAfter));
}

TEST(Repeats, so_many_texts_are_remembered_and_no_more) {
  Repeats repeats;
  Instant now{std::chrono::hours(1)};
  for (std::size_t i = 0; i <= Repeats::kTextsMax; ++i)
    EXPECT_EQ(repeats.say(std::to_string(i), now += Duration(1)), 0u);
  EXPECT_FALSE(repeats.say(std::to_string(Repeats::kTextsMax), now));
  EXPECT_EQ(repeats.say("0", now), 0u);
}

}  // namespace
}  // namespace polis::peers
