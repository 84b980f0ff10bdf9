#include "sim/compare.hh"

#include <gtest/gtest.h>

namespace polis::sim {
namespace {

Compared of(const char* who, const char* where, std::uint64_t seed = 1) {
  return compare(parse_contender(who).value(), parse_surroundings(where).value(), 2, seed);
}

TEST(Compare, the_same_seed_gives_the_same_figures) {
  const Compared one = of("paxos", "lossy"), again = of("paxos", "lossy");
  for (std::size_t i = 0; i < std::size(kLosses); ++i) {
    EXPECT_EQ(one.writes[i].took.all, again.writes[i].took.all);
    EXPECT_EQ(one.writes[i].bytes, again.writes[i].bytes);
  }
  EXPECT_EQ(one.fail_over.all, again.fail_over.all);
  EXPECT_EQ(one.back.took, again.back.took);
  EXPECT_NE(of("paxos", "lossy", 2).writes[1].took.all, one.writes[1].took.all);
}

// In Paxos a lost message holds up nothing behind it, and is sent again by itself.
TEST(Compare, loss_costs_the_tail_of_raft_more_than_that_of_paxos) {
  const Compared raft = of("raft", "lan"), paxos = of("paxos", "lan");
  EXPECT_EQ(raft.writes[2].unanswered + paxos.writes[2].unanswered, 0u);
  EXPECT_LE(paxos.writes[1].took.at(0.99), raft.writes[1].took.at(0.99) * 11 / 10);
  EXPECT_LT(paxos.writes[2].took.at(0.99), raft.writes[2].took.at(0.99));
}

// Three of five in a row are as far as the second neighbour, for a master at the end of it.
TEST(Compare, two_of_five_need_the_nearest_alone) {
  const Compared majority = of("paxos/5", "wan"), two = of("paxos/5/flexible:4,2", "wan");
  EXPECT_LT(two.writes[0].took.at(1), std::chrono::milliseconds(25));
  EXPECT_GE(majority.writes[0].took.at(1), two.writes[0].took.at(1));
  EXPECT_NEAR(two.writes[0].syncs, 5, 0.5);
}

TEST(Compare, a_contender_that_cannot_be_is_refused_with_the_reason) {
  auto why = [](const char* text) { return parse_contender(text).error().text; };
  EXPECT_NE(why("zab").find("no such protocol"), std::string::npos);
  EXPECT_NE(why("raft/2").find("3 to 7"), std::string::npos);
  EXPECT_NE(why("raft/5/flexible:4,2").find("for paxos"), std::string::npos);
  EXPECT_NE(why("paxos/5/flexible:2,2").find("not safe"), std::string::npos);
  EXPECT_NE(why("paxos/5/majority/x").find("no such protocol"), std::string::npos);
  EXPECT_EQ(parse_contender("paxos/5/flexible:4,2")->name(), "paxos/5/flexible:4,2");
  EXPECT_EQ(parse_contender("raft")->name(), "raft");
  EXPECT_FALSE(parse_surroundings("moon"));
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(Plot, draws_each_value_once_and_leaves_out_what_is_absent) {
  const std::vector<Panel> panels{{.title = "a < b",
                                   .unit = "ms",
                                   .points = {"1", "2"},
                                   .series = {{"x", {1, 10}}, {"y", {2, -1}}}},
                                  {.title = "bars",
                                   .unit = "n",
                                   .points = {"1"},
                                   .series = {{"x", {0}}, {"z", {4}}},
                                   .bars = true}};
  const std::string drawn = svg("title & more", panels);
  EXPECT_EQ(count(drawn, "<circle"), 3u);
  EXPECT_EQ(count(drawn, "<path"), 2u);
  EXPECT_EQ(count(drawn, "<rect"), 1u + 3u + 2u);  // the ground, the legend, the bars
  EXPECT_EQ(count(drawn, "a &lt; b"), 1u);
  EXPECT_EQ(count(drawn, "title &amp; more"), 1u);
  EXPECT_EQ(count(drawn, "nan"), 0u);
}

}  // namespace
}  // namespace polis::sim
