#include "shim/record.hh"

#include <gtest/gtest.h>

namespace polis::shim {
namespace {

std::string slot(std::uint64_t sequence, std::uint64_t pid) {
  Record record;
  record.sequence = sequence;
  record.boot.assign("0b2d0ad8-6e8f-4a44-8e0f-3b5ae0aaf1a0");
  record.state.pid = pid;
  char bytes[kRecordSlot];
  encode_record(record, bytes);
  return {bytes, sizeof bytes};
}

TEST(Record, the_newest_slot_counts) {
  Record record;
  ASSERT_TRUE(newest_record(slot(2, 20) + slot(1, 10), record));
  EXPECT_EQ(record.state.pid, 20u);
  EXPECT_EQ(record.boot.view(), "0b2d0ad8-6e8f-4a44-8e0f-3b5ae0aaf1a0");
  ASSERT_TRUE(newest_record(slot(2, 20) + slot(3, 30), record));
  EXPECT_EQ(record.state.pid, 30u);
}

TEST(Record, a_torn_slot_leaves_the_one_before) {
  const std::string old = slot(2, 20), whole = slot(3, 30);
  for (std::size_t written = 0; written < 200; ++written) {
    const std::string torn = whole.substr(0, written) + std::string(kRecordSlot - written, '\0');
    Record record;
    ASSERT_TRUE(newest_record(old + torn, record)) << written;
    // All that carries something may have been written.
    if (torn != whole) {
      EXPECT_EQ(record.state.pid, 20u) << written;
    }
  }
}

TEST(Record, a_file_that_holds_none_says_so) {
  Record record;
  EXPECT_FALSE(newest_record({}, record));
  EXPECT_FALSE(newest_record(std::string(kRecordFileBytes, '\0'), record));
  EXPECT_FALSE(newest_record(slot(1, 10).substr(1), record));
}

TEST(Record, texts_that_do_not_fit_are_left_out) {
  Record record;
  record.state.status.assign(std::string(kTextBytesMax, 's'));
  record.state.setting_absent.assign(std::string(kTextBytesMax, 's'));
  record.state.failed_what.assign(std::string(kTextBytesMax, 'w'));
  record.state.exit_number = 7;
  char bytes[kRecordSlot];
  encode_record(record, bytes);
  Record read;
  ASSERT_TRUE(newest_record({bytes, sizeof bytes}, read));
  EXPECT_EQ(read.state.exit_number, 7u);
  EXPECT_EQ(read.state.failed_what.size, 160);
}

}  // namespace
}  // namespace polis::shim
