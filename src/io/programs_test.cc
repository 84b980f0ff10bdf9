#include "io/programs.hh"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "io/posix_disk.hh"
#include "io/testing/temporary_directory.hh"
#include "io/users.hh"

namespace polis::io {
namespace {

void put(const std::string& path, mode_t mode) {
  ASSERT_TRUE(write_file_atomically(path, "#!/bin/sh\n"));
  ASSERT_EQ(::chmod(path.c_str(), mode), 0);
}

TEST(Programs, a_word_without_a_slash_is_looked_for_in_the_path) {
  TemporaryDirectory directory;
  put(directory.path() + "/tool", 0755);
  EXPECT_EQ(find_program("tool", "/nowhere:" + directory.path(), "/").value(),
            directory.path() + "/tool");
  EXPECT_EQ(find_program("sh", "", "/").value(), "/usr/bin/sh");
  EXPECT_EQ(find_program("./tool", "", directory.path()).value(), directory.path() + "/./tool");
}

TEST(Programs, what_cannot_be_run_is_told_from_what_is_not_there) {
  TemporaryDirectory directory;
  put(directory.path() + "/text", 0644);
  EXPECT_EQ(find_program(directory.path() + "/text", "", "/").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(find_program(directory.path(), "", "/").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(find_program("no-such-program", "", "/").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(find_program("/no/such", "", "/").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(find_program("", "", "/").error().code, ErrorCode::kInvalid);
}

TEST(Programs, a_placed_program_replaces_those_of_other_releases) {
  TemporaryDirectory directory;
  auto first = PlacedProgram::place(directory.path(), "tool", "#!/bin/sh\nexit 1\n");
  ASSERT_TRUE(first);
  auto second = PlacedProgram::place(directory.path(), "tool", "#!/bin/sh\nexit 2\n");
  ASSERT_TRUE(second);
  EXPECT_NE(first->path(), second->path());
  EXPECT_EQ(read_file(first->path()).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(read_file(second->path()).value(), "#!/bin/sh\nexit 2\n");
  EXPECT_FALSE(second->in_memory());
}

TEST(Programs, a_placed_program_that_was_damaged_is_written_anew) {
  TemporaryDirectory directory;
  auto first = PlacedProgram::place(directory.path(), "tool", "#!/bin/sh\nexit 1\n");
  ASSERT_TRUE(first);
  ASSERT_TRUE(write_file_atomically(first->path(), "#!/bin/sh\n"));
  auto again = PlacedProgram::place(directory.path(), "tool", "#!/bin/sh\nexit 1\n");
  EXPECT_EQ(read_file(again->path()).value(), "#!/bin/sh\nexit 1\n");
}

TEST(Users, root_is_known_by_name_and_number) {
  EXPECT_EQ(find_user("root").value().id, 0u);
  EXPECT_EQ(find_user("0").value().name, "root");
  EXPECT_EQ(find_group("root").value(), 0u);
}

TEST(Users, who_is_unknown_is_named_with_what_to_do) {
  const auto found = find_user("no-such-user");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kNotFound);
  EXPECT_NE(found.error().text.find("adduser --system no-such-user"), std::string::npos);
}

}  // namespace
}  // namespace polis::io
