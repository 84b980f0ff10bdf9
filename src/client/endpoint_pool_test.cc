#include "client/endpoint_pool.hh"

#include <gtest/gtest.h>

namespace polis::client {
namespace {

io::Address at(std::uint16_t port) { return {"10.0.0.1", port, {}}; }
Instant second(int n) { return Instant(std::chrono::seconds(n)); }

TEST(EndpointPool, the_first_that_was_given_stays_current_while_it_answers) {
  EndpointPool pool({at(1), at(2)});
  pool.on_answer();
  EXPECT_EQ(pool.current(), at(1));
}

TEST(EndpointPool, after_a_failure_comes_what_has_not_failed_or_failed_longest_ago) {
  EndpointPool pool({at(1), at(2), at(3)});
  pool.on_failure(second(1));
  EXPECT_EQ(pool.current(), at(2));
  pool.on_failure(second(2));
  EXPECT_EQ(pool.current(), at(3));
  pool.on_failure(second(3));
  EXPECT_EQ(pool.current(), at(1));
  pool.on_answer();
  pool.on_failure(second(4));
  EXPECT_EQ(pool.current(), at(2));
}

TEST(EndpointPool, one_endpoint_is_tried_again_and_again) {
  EndpointPool pool({at(1)});
  pool.on_failure(second(1));
  EXPECT_EQ(pool.current(), at(1));
}

TEST(EndpointPool, members_join_and_leave_while_the_current_one_stays) {
  EndpointPool pool({at(1)});
  EXPECT_FALSE(pool.set_members({at(1), at(2), at(3)}));
  EXPECT_EQ(pool.size(), 3u);
  pool.on_failure(second(1));
  EXPECT_EQ(pool.current(), at(2));
  EXPECT_FALSE(pool.set_members({at(2), at(4)}));
  EXPECT_EQ(pool.current(), at(2));
  EXPECT_EQ(pool.size(), 3u);  // 1 was given
}

TEST(EndpointPool, a_member_that_left_is_current_no_more) {
  EndpointPool pool({at(1)});
  pool.set_members({at(1), at(2)});
  pool.on_failure(second(1));
  EXPECT_TRUE(pool.set_members({at(1), at(3)}));
  EXPECT_EQ(pool.current(), at(3));
}

TEST(EndpointPool, given_ones_that_no_member_tells_are_the_last_resort) {
  EndpointPool pool({at(1), at(2)});
  pool.set_members({at(2), at(3)});
  pool.on_failure(second(1));
  EXPECT_EQ(pool.current(), at(2));
  pool.on_failure(second(2));
  EXPECT_EQ(pool.current(), at(3));
  pool.on_failure(second(3));
  EXPECT_EQ(pool.current(), at(1));
}

TEST(EndpointPool, without_members_the_given_ones_are_all_there_is) {
  EndpointPool pool({at(1), at(2)});
  pool.set_members({at(3)});
  pool.on_failure(second(1));
  EXPECT_EQ(pool.current(), at(3));
  EXPECT_TRUE(pool.set_members({}));
  EXPECT_EQ(pool.current(), at(2));
}

TEST(EndpointPool, members_that_tell_too_much_are_cut_off) {
  EndpointPool pool({at(1)});
  std::vector<io::Address> many;
  for (std::uint16_t port = 1; port <= 1000; ++port) many.push_back(at(port));
  pool.set_members(many);
  EXPECT_EQ(pool.size(), kEndpointsMax);
}

}  // namespace
}  // namespace polis::client
