#include "io/log_file.hh"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/random.hh"
#include "io/reactor.hh"
#include "io/testing/temporary_directory.hh"

namespace polis::io {
namespace {

constexpr std::size_t kSize = 1 << 20;

// A log beside what it should hold.
class LogFileTest : public ::testing::Test {
 protected:
  LogFileTest() : disk_(reactor_) {
    CHECK(disk_.create_zeroed(path(), kSize));
    content_.assign(kSize, '\0');
    open();
  }
  std::string path() const { return directory_.path() + "/log"; }
  void open() {
    log_ = std::make_unique<LogFile>(disk_, ::open(path().c_str(), O_RDWR | O_CLOEXEC), path());
  }
  void write(std::size_t at, std::size_t bytes) {
    std::string text(bytes, '\0');
    for (char& c : text) c = static_cast<char>('a' + random_.below(26));
    ASSERT_TRUE(log_->write(at, text));
    content_.replace(at, bytes, text);
    end_ = at + bytes;
  }
  void sync_later() {
    bool synced = false;
    log_->sync_later([&](Result<void> result) {
      synced = result.has_value();
      reactor_.stop();
    });
    reactor_.run();
    ASSERT_TRUE(synced);
  }
  // Through another file, as a restarted process reads it.
  std::string on_disk() { return (*disk_.open(path()))->read(0, kSize).value(); }

  TemporaryDirectory directory_;
  Reactor reactor_;
  PosixDisk disk_;
  Random random_{7};
  std::string content_;
  std::size_t end_ = 0;
  std::unique_ptr<LogFile> log_;
};

TEST_F(LogFileTest, what_is_synced_is_in_the_file) {
  for (int i = 0; i < 100; ++i) {
    write(end_, 1 + random_.below(300));
    sync_later();
    ASSERT_EQ(on_disk(), content_);
  }
}

TEST_F(LogFileTest, many_writes_of_all_sizes_and_syncs_of_all_kinds) {
  while (end_ < kSize - 3 * LogFile::kDirectMax) {
    const int writes = static_cast<int>(random_.below(5));
    for (int i = 0; i < writes; ++i)
      write(end_, 1 + random_.below(random_.below(8) == 0 ? 2 * LogFile::kDirectMax : 900));
    std::shared_ptr<void> much;
    if (random_.below(3) == 0) much = disk_.expect_much();  // on the other thread
    if (random_.below(4) == 0) {
      ASSERT_TRUE(log_->sync());
    } else {
      sync_later();
    }
    ASSERT_EQ(on_disk(), content_);
    if (random_.below(6) == 0) open();
  }
}

TEST_F(LogFileTest, a_reader_sees_what_is_not_synced) {
  write(0, 5000);
  write(5000, 10);
  EXPECT_EQ(log_->read(4990, 20).value(), content_.substr(4990, 20));
  write(5010, 10);
  log_.reset();
  EXPECT_EQ(on_disk(), content_);
}

// A log whose last part was torn is written again from there.
TEST_F(LogFileTest, writing_goes_on_where_it_is_told) {
  write(0, 9000);
  sync_later();
  write(4500, 100);
  sync_later();
  const std::string found = on_disk();
  EXPECT_EQ(found.substr(0, 4600), content_.substr(0, 4600));
  // The rest of the block may be zero; the next block stays.
  EXPECT_EQ(found.substr(8192), content_.substr(8192));
}

// Few file systems write in place; on the others, and where O_DIRECT is refused, it is a file like
// any other.
TEST_F(LogFileTest, without_direct_writes_it_does_the_same) {
  TemporaryDirectory memory("/dev/shm");
  PosixDisk disk(reactor_);
  const std::string path = memory.path() + "/log";
  ASSERT_TRUE(disk.create_zeroed(path, 10'000));
  LogFile log(disk, ::open(path.c_str(), O_RDWR | O_CLOEXEC), path);
  EXPECT_FALSE(log.direct());
  ASSERT_TRUE(log.write(4090, "0123456789"));
  ASSERT_TRUE(log.sync());
  EXPECT_EQ((*disk.open(path))->read(4090, 10).value(), "0123456789");
}

}  // namespace
}  // namespace polis::io
