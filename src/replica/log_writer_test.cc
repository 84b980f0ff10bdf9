#include "replica/log_writer.hh"

#include "replica/testing/part_test.hh"

namespace polis::replica {
namespace {

using namespace testing;

class LogWriterTest : public PartTest {
 protected:
  static constexpr Duration kSync = 2ms;

  LogWriterTest() {
    faults_->sync_min = faults_->sync_max = kSync;
    storage::Recovered found;
    auto wal = storage::Wal::open(
        disk_,
        {.directory = "/polis/wal", .identity = options_.identity, .segment_bytes = 64 << 10},
        found);
    EXPECT_TRUE(wal.has_value());
    writer_ = std::make_unique<LogWriter>(
        std::move(*wal), LogWriter::Needs{.situation = situation_,
                                          .loop = machine,
                                          .transport = transport_,
                                          .log = log_,
                                          .send =
                                              [this](consensus::Outgoing& message) {
                                                transport_.send(message.to, message.bytes);
                                              },
                                          .fatal = [this](const Error& error) { failure_ = error; },
                                          .counters = counters_});
  }
  void write(std::uint64_t ticket) {
    consensus::Output output;
    output.ticket = Ticket(ticket);
    output.entries.push_back({.term = Term(1), .index = LogIndex(ticket), .data = share("entry")});
    EXPECT_TRUE(writer_->write(output));
  }
  std::vector<consensus::Outgoing> message(const std::string& bytes) {
    return {{.to = kOther, .bytes = bytes, .chunk = {}}};
  }

  std::shared_ptr<sim::DiskFaults> faults_ = std::make_shared<sim::DiskFaults>();
  sim::SimulatedDisk disk_{machine, std::make_shared<sim::DiskContents>(), faults_, Random(1)};
  std::optional<Error> failure_;
  std::unique_ptr<LogWriter> writer_;
};

TEST_F(LogWriterTest, messages_leave_when_what_they_depend_on_is_durable) {
  write(1);
  writer_->send_when_durable(message("a"));
  writer_->sync(Ticket(1));
  EXPECT_TRUE(transport_.sent.empty());
  EXPECT_TRUE(log_.persisted.empty());
  pass(2 * kSync);
  ASSERT_EQ(transport_.sent.size(), 1u);
  EXPECT_EQ(log_.persisted, std::vector{Ticket(1)});
}

TEST_F(LogWriterTest, messages_that_depend_on_nothing_leave_at_once) {
  writer_->send_when_durable(message("a"));
  EXPECT_EQ(transport_.sent.size(), 1u);
}

TEST_F(LogWriterTest, what_was_sent_leaves_before_the_sync_so_that_peers_write_meanwhile) {
  write(1);
  writer_->sync(Ticket(1));
  EXPECT_EQ(transport_.events, std::vector<std::string>{"flush"});
}

TEST_F(LogWriterTest, a_later_write_does_not_hold_up_what_depends_on_an_earlier_one) {
  write(1);
  writer_->send_when_durable(message("a"));
  writer_->sync(Ticket(1));
  write(2);
  writer_->send_when_durable(message("b"));
  writer_->sync(Ticket(2));
  pass(kSync + 1us);
  ASSERT_EQ(transport_.sent.size(), 1u);
  EXPECT_EQ(transport_.sent[0].bytes, "a");
  pass(2 * kSync);
  EXPECT_EQ(transport_.sent.size(), 2u);
}

TEST_F(LogWriterTest, a_log_that_stands_still_is_told_afterwards_what_became_durable) {
  write(1);
  writer_->sync(Ticket(1));
  situation_.installing = true;
  pass(2 * kSync);
  EXPECT_TRUE(log_.persisted.empty());
  situation_.installing = false;
  writer_->tell_what_was_persisted();
  writer_->tell_what_was_persisted();
  EXPECT_EQ(log_.persisted, std::vector{Ticket(1)});
}

TEST_F(LogWriterTest, nothing_leaves_after_a_sync_that_failed) {
  write(1);
  writer_->send_when_durable(message("a"));
  faults_->fail_sync = true;
  writer_->sync(Ticket(1));
  pass(2 * kSync);
  EXPECT_TRUE(failure_.has_value());
  EXPECT_TRUE(transport_.sent.empty());
  EXPECT_TRUE(log_.persisted.empty());
}

TEST_F(LogWriterTest, the_time_of_a_sync_counts_from_when_it_was_asked_for) {
  const Instant asked = machine.now();
  write(1);
  writer_->sync(Ticket(1));
  EXPECT_EQ(writer_->sync_waits_since(), asked);
  pass(2 * kSync);
  EXPECT_EQ(writer_->sync_waits_since(), std::nullopt);
  EXPECT_GE(writer_->sync_times().worst, kSync);
  EXPECT_LT(writer_->sync_times().worst, kSync + 1us);
}

TEST_F(LogWriterTest, a_log_that_has_come_to_rest_is_sealed_once) {
  write(1);
  writer_->sync(Ticket(1));
  pass(2 * kSync);
  EXPECT_LT(writer_->wal().proven(), writer_->wal().durable());
  writer_->maybe_seal(LogIndex(1));
  EXPECT_FALSE(writer_->at_rest());
  const std::uint64_t written = writer_->wal().bytes_written();
  pass(250ms);
  EXPECT_TRUE(writer_->at_rest());
  writer_->maybe_seal(LogIndex(1));
  const std::uint64_t sealed = writer_->wal().bytes_written();
  EXPECT_GT(sealed, written);
  pass(250ms);
  writer_->maybe_seal(LogIndex(1));
  EXPECT_EQ(writer_->wal().bytes_written(), sealed);
}

}  // namespace
}  // namespace polis::replica
