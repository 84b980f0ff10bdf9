#include "agent/instance_spec.hh"

#include <gtest/gtest.h>

#include "io/testing/temporary_directory.hh"

namespace polis::agent {
namespace {

using namespace std::chrono_literals;

TEST(InstanceSpec, the_shim_reads_what_the_agent_wrote) {
  InstanceSpec spec;
  spec.words = {"/bin/echo", "", "two words"};
  spec.environment = {"A=1", "EMPTY="};
  spec.directory = "/tmp";
  spec.identity = Identity{0, 65534, {1, 2}};
  spec.umask = 0;
  spec.exclusive = Exclusive{9, Instant(5s)};
  spec.grace = 3s;
  spec.oom_score = 0;
  spec.control_groups = {{"/sys/fs/cgroup/x", shim::GroupKind::kUnified, {{"memory.max", "1"}}}};
  spec.listeners = {{"http", "127.0.0.1:80"}};
  const auto file = encode(spec);
  ASSERT_TRUE(file) << file.error().text;
  shim::Spec read;
  ASSERT_EQ(shim::read_spec(*file, read), shim::SpecVerdict::kGood);
  EXPECT_EQ(read.words, 3u);
  EXPECT_EQ(read.environment, 2u);
  EXPECT_EQ(shim::without_zero(read.directory), "/tmp");
  EXPECT_EQ(read.user, 1u);
  EXPECT_EQ(read.group, 65535u);
  EXPECT_EQ(read.user_groups, 2u);
  EXPECT_EQ(read.umask, 1u);
  EXPECT_EQ(read.lease, 9u);
  EXPECT_EQ(read.deadline, 5'000'000'000u);
  EXPECT_EQ(read.grace, 3'000'000'000u);
  EXPECT_EQ(read.oom_score, 1001u);
  EXPECT_EQ(read.no_new_privileges, 1u);
  EXPECT_EQ(read.control_groups, 1u);
  EXPECT_EQ(read.listeners, 1u);
}

TEST(InstanceSpec, what_a_shim_would_refuse_is_refused_before) {
  const auto refused = [](auto change) {
    InstanceSpec spec{.words = {"/bin/true"}};
    change(spec);
    const auto file = encode(spec);
    return !file && file.error().code == ErrorCode::kInvalid && !file.error().text.empty();
  };
  EXPECT_FALSE(refused([](InstanceSpec&) {}));
  EXPECT_TRUE(refused([](InstanceSpec& s) { s.words.clear(); }));
  EXPECT_TRUE(refused([](InstanceSpec& s) { s.words = {"true"}; }));
  EXPECT_TRUE(refused([](InstanceSpec& s) { s.words.push_back(std::string("a\0b", 3)); }));
  EXPECT_TRUE(refused([](InstanceSpec& s) { s.directory = "here"; }));
  EXPECT_TRUE(refused([](InstanceSpec& s) { s.listeners = {{"a:b", "127.0.0.1:1"}}; }));
  EXPECT_TRUE(refused([](InstanceSpec& s) { s.oom_score = 1001; }));
  EXPECT_TRUE(refused([](InstanceSpec& s) { s.environment.resize(5000, "A=1"); }));
  EXPECT_TRUE(refused([](InstanceSpec& s) { s.environment = {std::string(2 << 20, 'x')}; }));
}

TEST(InstanceSpec, a_command_that_does_not_exist_is_told_with_the_path_that_was_searched) {
  InstanceSpec spec{.words = {"no-such-command"}, .environment = {"PATH=/usr/bin:/bin"}};
  const auto found = checked(spec);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kNotFound);
  EXPECT_NE(found.error().text.find("no-such-command in /usr/bin:/bin"), std::string::npos)
      << found.error().text;
}

TEST(InstanceSpec, a_missing_directory_is_told_before_anything_is_started) {
  const auto found = checked({.words = {"true"}, .directory = "/no/such"});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().text, "there is no directory /no/such; make it");
  EXPECT_FALSE(checked({.words = {"true"}, .log_directory = "/no/such"}));
}

TEST(InstanceSpec, a_command_by_name_becomes_an_absolute_path) {
  const auto found = checked({.words = {"sh"}, .environment = {"PATH=/bin"}});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->words.front(), "/bin/sh");
}

}  // namespace
}  // namespace polis::agent
