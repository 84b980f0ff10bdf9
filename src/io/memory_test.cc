#include "io/memory.hh"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "io/reactor.hh"

namespace polis::io {
namespace {

class MemoryTest : public testing::Test {
 protected:
  ~MemoryTest() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  MemoryLimit limit() { return memory_limit(root_.string(), (root_ / "self").string()); }

  std::filesystem::path root_ =
      std::filesystem::temp_directory_path() / ("polis-memory-" + std::to_string(entropy()));
};

TEST_F(MemoryTest, the_smallest_limit_of_the_group_and_those_around_it_counts) {
  write("self", "0::/system.slice/polis.service\n");
  write("system.slice/polis.service/memory.max", "max\n");
  write("system.slice/memory.max", "104857600\n");
  EXPECT_EQ(limit().bytes, 104857600u);
  EXPECT_NE(limit().source.find("system.slice/memory.max"), std::string::npos);
  write("system.slice/polis.service/memory.max", "52428800\n");
  EXPECT_EQ(limit().bytes, 52428800u);
}

TEST_F(MemoryTest, version_1_is_understood_and_a_container_sees_its_group_as_the_root) {
  write("self", "9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n");
  write("memory/memory.limit_in_bytes", "73400320\n");
  EXPECT_EQ(limit().bytes, 73400320u);
}

TEST_F(MemoryTest, without_limits_the_machine_is_the_limit) {
  write("self", "0::/\n");
  write("memory.max", "max\n");
  EXPECT_EQ(limit().source, "the machine's memory");
  EXPECT_GT(limit().bytes, 1u << 20);
}

TEST(Memory, what_is_used_grows_with_what_is_written) {
  const std::uint64_t before = memory_used();
  EXPECT_GT(before, 0u);
  std::vector<char> much(64 << 20, 'x');
  EXPECT_GT(memory_used(), before + (48 << 20));
  give_free_memory_back();
}

}  // namespace
}  // namespace polis::io
