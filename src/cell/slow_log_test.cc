#include "cell/slow_log.hh"

#include <gtest/gtest.h>

namespace polis::cell {
namespace {

using namespace std::chrono_literals;
using Kind = replica::SlowRequest::Kind;
const Instant kNow{100s};

TEST(SlowLog, a_slow_request_is_said_with_its_stages) {
  SlowLog log;
  replica::SyncTimes syncs;
  syncs.add(20ms, kNow);
  const std::string line = log.on_request({.kind = Kind::kWrite,
                                           .total = 1600ms,
                                           .for_master = 500ms,
                                           .for_quorum = 1s,
                                           .for_apply = 100ms,
                                           .sent = 2},
                                          syncs, kNow);
  EXPECT_EQ(line,
            "a write took 1.600 s: 0.500 s until a master had it (sent 2 times), 1.000 s until a "
            "quorum had it on disk, 0.100 s until it was applied here; log syncs here take 0.020 s "
            "on average, lately 0.020 s at worst");
}

TEST(SlowLog, many_make_one_line_in_ten_seconds_that_counts_the_others) {
  SlowLog log;
  EXPECT_FALSE(log.on_request({}, {}, kNow).empty());
  for (int i = 0; i < 7; ++i) EXPECT_TRUE(log.on_request({}, {}, kNow + 1s).empty());
  EXPECT_NE(log.on_request({}, {}, kNow + 11s).find("7 others"), std::string::npos);
  EXPECT_EQ(log.on_request({}, {}, kNow + 22s).find("others"), std::string::npos);
}

TEST(SlowLog, a_slow_call_says_what_the_client_took) {
  SlowLog log;
  const http::SlowCall slow{.method = "/t.T/Echo",
                            .total = 5s,
                            .for_request = 1s,
                            .for_answer = 500ms,
                            .for_client = 3500ms,
                            .answered = true};
  EXPECT_EQ(log.on_call(slow, kNow),
            "a call of /t.T/Echo took 5.000 s: 1.000 s until the client had sent the request, "
            "0.500 s until it was answered, 3.500 s for the client until it had taken the answer");
  EXPECT_TRUE(log.on_call(slow, kNow + 1s).empty());
  EXPECT_FALSE(log.on_request({}, {}, kNow + 1s).empty()) << "the kinds do not hide each other";
}

TEST(SlowLog, a_stall_says_whether_the_process_was_busy) {
  EXPECT_TRUE(SlowLog().on_late(kStallMin - 1ms, 0ms, kNow).empty());
  EXPECT_NE(SlowLog().on_late(2s, 1900ms, kNow).find("long work"), std::string::npos);
  EXPECT_NE(SlowLog().on_late(2s, 1ms, kNow).find("paused"), std::string::npos);
  EXPECT_NE(SlowLog().on_late(2s, 500ms, kNow).find("processor was short"), std::string::npos);
}

}  // namespace
}  // namespace polis::cell
