#include "cell/settings.hh"

#include <gtest/gtest.h>

namespace polis::cell {
namespace {

Result<Settings> parse(std::map<std::string, std::string> flags) {
  return parse_settings(host::collect_settings(setting_infos(), "", flags, {}).value());
}

TEST(Settings, the_defaults_are_a_cell_of_one) {
  auto settings = parse({});
  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(settings->founders.size(), 1u);
}

TEST(Settings, replicas_agree_on_ids_without_talking) {
  const std::string initial = "a=h:1,b=h:2,c=h:3";
  auto a = parse({{"name", "a"}, {"initial", initial}}),
       b = parse({{"name", "b"}, {"initial", initial}});
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->id, b->id);
  EXPECT_EQ(a->cell_id, b->cell_id);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(a->founders[i].id, b->founders[i].id);
}

TEST(Settings, cells_that_are_founded_apart_have_ids_of_their_own) {
  auto id = [](const std::string& cluster, const std::string& initial) {
    return parse({{"name", "a"}, {"cluster", cluster}, {"initial", initial}}).value().cell_id;
  };
  const std::uint64_t one = id("polis", "a=h:1,b=h:2,c=h:3");
  EXPECT_EQ(id("polis", "c=h:3,b=h:2,a=h:1"), one);
  EXPECT_NE(id("polis", "a=h:1,b=h:2,c=h:4"), one);
  EXPECT_NE(id("polis", "a=h:1,b=h:2,d=h:3"), one);
  EXPECT_NE(id("other", "a=h:1,b=h:2,c=h:3"), one);
  EXPECT_EQ(id("polis", ""), 0u);                           // it is drawn
  EXPECT_EQ(parse({{"join", "h:1"}}).value().cell_id, 0u);  // it is told
}

TEST(Settings, who_may_ask_over_http_is_a_list_each) {
  EXPECT_TRUE(parse({})->door.origins.empty());
  EXPECT_EQ(parse({})->door.hosts, std::vector<std::string>{"*"});
  const auto settings =
      parse({{"cors", "https://a, http://b:1,"}, {"host-whitelist", "db.example,localhost"}});
  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(settings->door.origins, (std::vector<std::string>{"https://a", "http://b:1"}));
  EXPECT_EQ(settings->door.hosts, (std::vector<std::string>{"db.example", "localhost"}));
}

TEST(Settings, each_wrong_value_is_named_with_its_source_and_what_would_be_right) {
  struct Case {
    const char *name, *value, *expected;
  };
  for (const Case& c :
       {Case{"client", "nowhere", "HOST:PORT"}, Case{"heartbeat-interval", "soon", "such as 50ms"},
        Case{"election-timeout-min", "100ms", "3 times heartbeat-interval"},
        Case{"initial", "b=h:1", "does not stand in 'initial'"},
        Case{"initial", "a", "NAME=HOST:PORT"},
        Case{"initial", "default=h:1,default=h:2", "names a replica twice"},
        Case{"protocol", "zab", "known are raft and paxos"},
        Case{"wal-segment-bytes", "5", "whole number from"},
        Case{"log-level", "loud", "debug, info"}, Case{"cors", "*,ui.example", "https://HOST:PORT"},
        Case{"cors", "http://ui.example/", "https://HOST:PORT"}}) {
    auto settings = parse({{c.name, c.value}});
    ASSERT_FALSE(settings.has_value()) << c.name;
    EXPECT_NE(settings.error().text.find(c.expected), std::string::npos) << settings.error().text;
  }
}

}  // namespace
}  // namespace polis::cell
