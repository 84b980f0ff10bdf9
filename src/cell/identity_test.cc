#include "cell/identity.hh"

#include <gtest/gtest.h>

#include <filesystem>

#include "io/posix_disk.hh"
#include "io/reactor.hh"

namespace polis::cell {
namespace {

class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest() {
    settings_ = parse_settings(host::collect_settings(setting_infos(), "",
                                                      {{"data-dir", directory_}, {"name", "a"}}, {})
                                   .value())
                    .value();
    std::filesystem::create_directories(directory_);
  }
  ~IdentityTest() override { std::filesystem::remove_all(directory_); }

  std::string directory_ =
      (std::filesystem::temp_directory_path() / ("polis-identity-" + std::to_string(io::entropy())))
          .string();
  Settings settings_;
};

TEST_F(IdentityTest, what_was_claimed_is_known_again) {
  EXPECT_FALSE(identity_in(settings_).value().has_value());
  settings_.cell_id = 0xce11;
  settings_.protocol = consensus::Protocol::kPaxos;
  const std::uint64_t first = claim_directory(settings_, 1000).value();
  auto known = identity_in(settings_).value();
  ASSERT_TRUE(known);
  EXPECT_EQ(known->cell, 0xce11u);
  EXPECT_EQ(known->id, settings_.id);
  EXPECT_EQ(known->protocol, consensus::Protocol::kPaxos);
  EXPECT_FALSE(known->begun);
  EXPECT_GT(claim_directory(settings_, 10).value(), first);  // the clock went back
}

TEST_F(IdentityTest, that_there_was_a_log_is_remembered_over_every_start) {
  ASSERT_TRUE(claim_directory(settings_, 1).has_value());
  ASSERT_TRUE(mark_begun(settings_).has_value());
  ASSERT_TRUE(claim_directory(settings_, 2).has_value());
  EXPECT_TRUE(identity_in(settings_).value()->begun);
}

// A directory of an earlier release keeps the id that its log has.
TEST_F(IdentityTest, a_directory_without_the_cells_id_has_the_one_of_the_name) {
  ASSERT_TRUE(io::write_file_atomically(directory_ + "/identity",
                                        "format: 1\ncluster: polis\nname: a\nincarnation: 7\n")
                  .has_value());
  auto known = identity_in(settings_).value();
  ASSERT_TRUE(known);
  EXPECT_EQ(known->cell, cell_id_by_name("polis"));
  EXPECT_EQ(known->id, replica_id("polis", "a"));
  EXPECT_FALSE(known->begun);
}

}  // namespace
}  // namespace polis::cell
