#include "replica/log_compaction.hh"

#include <gtest/gtest.h>

namespace polis::replica {
namespace {

class LogCompactionTest : public ::testing::Test {
 protected:
  LogCompactionTest() {
    options_.log_retain_bytes = 100;
    options_.log_bytes_max = 5000;
    log_.first = LogIndex(11);
    log_.last = LogIndex(30);  // 20 entries of ten bytes
    log_.log_bytes = 200;
  }
  void send_a_snapshot() {
    log_.peers = {{.id = ReplicaId(2), .match = {}, .heard = {}, .snapshotting = true}};
  }
  Options options_;
  consensus::Status log_;
};

TEST_F(LogCompactionTest, a_tail_stays_for_followers_that_lag) {
  EXPECT_EQ(forgettable(options_, log_, LogIndex(30), {}), LogIndex(21));
}

TEST_F(LogCompactionTest, nothing_goes_from_a_short_log) {
  log_.log_bytes = 100;
  EXPECT_EQ(forgettable(options_, log_, LogIndex(30), {}), std::nullopt);
}

TEST_F(LogCompactionTest, what_the_engine_does_not_hold_stays) {
  EXPECT_EQ(forgettable(options_, log_, LogIndex(15), {}), LogIndex(15));
  EXPECT_EQ(forgettable(options_, log_, LogIndex(10), {}), std::nullopt);
}

TEST_F(LogCompactionTest, what_comes_behind_a_snapshot_stays_while_it_is_sent) {
  EXPECT_EQ(forgettable(options_, log_, LogIndex(30), LogIndex(13)), LogIndex(21));
  send_a_snapshot();
  EXPECT_EQ(forgettable(options_, log_, LogIndex(30), LogIndex(13)), LogIndex(13));
}

TEST_F(LogCompactionTest, but_not_without_a_bound) {
  send_a_snapshot();
  log_.log_bytes = 5001;
  EXPECT_GT(forgettable(options_, log_, LogIndex(30), LogIndex(13)), LogIndex(13));
  options_.log_bytes_max = 1 << 20;
  EXPECT_EQ(forgettable(options_, log_, LogIndex(30), LogIndex(13)), LogIndex(13));
  log_.log_bytes = 6401;  // 64 times what is retained
  EXPECT_GT(forgettable(options_, log_, LogIndex(30), LogIndex(13)), LogIndex(13));
}

}  // namespace
}  // namespace polis::replica
