#include "host/settings.hh"

#include <gtest/gtest.h>

#include "io/posix_disk.hh"
#include "io/testing/temporary_directory.hh"

namespace polis::host {
namespace {

constexpr SettingInfo kTable[] = {{"name", "default", "a name"}, {"size", "7", "a number"}};

// What a file with this content says of the table.
Result<SettingValues> from_file(const std::string& content) {
  const io::TemporaryDirectory directory;
  const std::string path = directory.path() + "/settings.yaml";
  EXPECT_TRUE(io::write_file_atomically(path, content));
  return collect_settings(kTable, path, {}, {});
}

TEST(SettingsFile, one_that_holds_comments_alone_sets_nothing) {
  for (const char* content : {"", "# all of it\n#name: x\n", "---\n"}) {
    auto values = from_file(content);
    ASSERT_TRUE(values) << values.error().text;
    EXPECT_EQ(values->at("name").text, "default");
    EXPECT_EQ(values->at("name").source, Source::kDefault);
  }
}

TEST(SettingsFile, what_it_sets_counts_and_the_rest_keeps_its_default) {
  auto values = from_file("#name: x\nsize: 8\n");
  ASSERT_TRUE(values) << values.error().text;
  EXPECT_EQ(values->at("name").source, Source::kDefault);
  EXPECT_EQ(values->at("size").text, "8");
  EXPECT_EQ(values->at("size").source, Source::kFile);
}

TEST(SettingsFile, one_that_is_no_map_is_refused_with_an_example) {
  for (const char* content : {"- a\n- b\n", "just text\n"}) {
    auto values = from_file(content);
    ASSERT_FALSE(values);
    EXPECT_NE(values.error().text.find("settings.yaml: must be a map"), std::string::npos);
  }
}

}  // namespace
}  // namespace polis::host
