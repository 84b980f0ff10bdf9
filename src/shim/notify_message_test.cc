#include "shim/notify_message.hh"

#include <gtest/gtest.h>

namespace polis::shim {
namespace {

State after(std::initializer_list<std::string_view> messages) {
  State state;
  std::uint64_t now = 0;
  for (std::string_view message : messages) take_notify(parse_notify(message), ++now, state);
  return state;
}

// As haproxy and Caddy begin.
TEST(NotifyMessage, reloading_may_come_before_the_first_ready) {
  const State state = after({"RELOADING=1\n", "READY=1\nMAINPID=12\nSTATUS=Ready.\n"});
  EXPECT_EQ(state.reloading, 1u);
  EXPECT_EQ(state.ready, 1u);
  EXPECT_EQ(state.ready_at, 2u);
  EXPECT_EQ(state.status.view(), "Ready.");
}

TEST(NotifyMessage, each_ready_counts) {
  EXPECT_EQ(after({"READY=1", "RELOADING=1", "READY=1", "READY=1"}).ready, 3u);
}

// As mariadbd ends.
TEST(NotifyMessage, stopping_may_come_without_ready_and_asks_for_time) {
  const State state = after({"STOPPING=1", "EXTEND_TIMEOUT_USEC=30000000\nERRNO=12"});
  EXPECT_EQ(state.stopping, 1u);
  EXPECT_EQ(state.ready, 0u);
  EXPECT_EQ(state.extend_timeout, 30000000u);
  EXPECT_EQ(state.notify_errno, 12u);
}

TEST(NotifyMessage, an_empty_status_takes_the_last_one_away) {
  EXPECT_EQ(after({"STATUS=busy", "STATUS="}).status.view(), "");
}

TEST(NotifyMessage, lines_that_are_wrong_mean_nothing) {
  const State state = after({"", "\n\n", "READY=0", "READY", "ready=1", "READY=12", "XREADY=1",
                             "EXTEND_TIMEOUT_USEC=-5", "EXTEND_TIMEOUT_USEC=99999999999999999999",
                             "BARRIER=1", "FDSTORE=1", "WATCHDOG=trigger"});
  EXPECT_EQ(state.ready + state.reloading + state.stopping + state.watchdog, 0u);
  EXPECT_EQ(state.extend_timeout, 0u);
}

}  // namespace
}  // namespace polis::shim
