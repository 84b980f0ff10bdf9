#include "io/process.hh"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/reactor.hh"

namespace polis::io {
namespace {

TEST(ProcessNumbers, every_open_file_counts_once) {
  const std::uint64_t before = process_numbers().descriptors_open;
  int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(process_numbers().descriptors_open, before + 1);
  ::close(fd);
  EXPECT_EQ(process_numbers().descriptors_open, before);
}

TEST(ProcessNumbers, processor_time_goes_on_with_work) {
  const double before = process_numbers().processor_seconds;
  EXPECT_GT(before, 0);
  double now = before;
  while (now - before < 0.01) now = process_numbers().processor_seconds;
  EXPECT_GE(now, before + 0.01);
}

TEST(ProcessNumbers, memory_that_is_used_is_resident_and_part_of_the_address_space) {
  const ProcessNumbers before = process_numbers();
  std::string much(64 << 20, 'x');
  const ProcessNumbers after = process_numbers();
  EXPECT_GE(after.resident_bytes, before.resident_bytes + (60 << 20)) << much.size();
  EXPECT_GE(after.virtual_bytes, after.resident_bytes);
}

TEST(ProcessNumbers, it_was_started_in_the_last_minutes) {
  const double now = static_cast<double>(wall_clock_nanoseconds()) / 1e9;
  const double started = process_numbers().started;
  EXPECT_LE(started, now + 2);  // the machine's start is told in whole seconds
  EXPECT_GE(started, now - 600);
}

TEST(ProcessNumbers, the_limit_of_descriptors_is_the_soft_one) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(process_numbers().descriptors_max, limit.rlim_cur);
}

}  // namespace
}  // namespace polis::io
