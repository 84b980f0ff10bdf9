#include "sim/estimate.hh"

#include <gtest/gtest.h>

namespace polis::sim {
namespace {

using namespace std::chrono_literals;

Played with_fail_over(Duration time) {
  return {.machine_silent = {{time}}, .place_silent = {{time}}};
}

// Three machines, two of which must be up: of each a fraction p of the time is not.
TEST(Estimate, machines_alone_agree_with_the_formula) {
  DescribedCell cell{.places = {{"here", 3}}, .machine_failures = 100, .place_failures = 0};
  cell.machine_repair = std::chrono::hours(4);
  const double down = 100.0 * 4 / 24 / 365.25, p = down / (1 + down);
  const double expected = 3 * p * p * (1 - p) + p * p * p;
  Years found = draw_years(cell, with_fail_over({}), 20000, 1);
  EXPECT_NEAR(found.seconds_no_majority / (365.25 * 24 * 3600), expected, 0.03 * expected);
  EXPECT_EQ(found.causes.at(0).first, "2 machines");
}

// The one place with all replicas.
TEST(Estimate, a_place_that_fails_takes_its_replicas_along) {
  DescribedCell cell{.places = {{"here", 3}}, .machine_failures = 0, .place_failures = 2};
  cell.place_repair = std::chrono::hours(5);
  Years found = draw_years(cell, with_fail_over({}), 20000, 1);
  EXPECT_NEAR(found.outages, 2, 0.06);
  EXPECT_NEAR(found.seconds_no_majority, 2 * 5 * 3600, 0.05 * 2 * 5 * 3600);
  cell.places = {{"a", 1}, {"b", 1}, {"c", 1}};
  found = draw_years(cell, with_fail_over({}), 20000, 1);
  EXPECT_LT(found.outages, 0.05);
  EXPECT_EQ(found.causes.at(0).first, "2 places");
}

// A third of all failures hit the master; each costs one fail-over.
TEST(Estimate, each_loss_of_the_master_costs_a_fail_over) {
  DescribedCell cell{.places = {{"here", 3}}, .machine_failures = 12, .place_failures = 0};
  cell.machine_repair = 1s;
  Years found = draw_years(cell, with_fail_over(2s), 5000, 1);
  EXPECT_NEAR(found.fail_overs, 12, 0.4);
  EXPECT_NEAR(found.seconds_fail_over, 24, 0.8);
}

TEST(Estimate, distance_shows_in_writes_and_timeouts_in_fail_overs) {
  DescribedCell near{.places = {{"here", 3}}};
  Played played = play(near, 5, 1);
  EXPECT_LT(played.write.at(0.5), 6ms);
  EXPECT_LT(played.process_ends.at(0.5), 450ms);
  EXPECT_GE(played.machine_silent.at(0), 250ms);
  EXPECT_LT(played.machine_silent.at(1), 1500ms);
  EXPECT_TRUE(played.place_silent.all.empty());
  EXPECT_EQ(played.elections_without_cause, 0u);

  DescribedCell far{.places = {{"a", 1}, {"b", 1}, {"c", 1}}, .ping_between = 80ms};
  played = play(far, 5, 1);
  EXPECT_GE(played.write.at(0.5), 80ms);
  EXPECT_LT(played.write.at(0.5), 100ms);
  EXPECT_EQ(played.place_silent.all.size(), 5u);
}

TEST(Estimate, the_same_seed_gives_the_same_figures) {
  DescribedCell cell{.places = {{"a", 2}, {"b", 1}}};
  EXPECT_EQ(play(cell, 2, 7).machine_silent.all, play(cell, 2, 7).machine_silent.all);
}

TEST(Estimate, what_cannot_be_is_refused) {
  auto text = [](DescribedCell cell) {
    auto valid = cell.validate();
    return valid ? std::string() : valid.error().text;
  };
  EXPECT_EQ(text({.places = {{"a", 3}}}), "");
  EXPECT_NE(text({.places = {{"a", 8}}}).find("1 to 7"), std::string::npos);
  EXPECT_NE(text({.places = {{"a", 1}, {"b", 2}}, .ping_between = 400ms}).find("a and b"),
            std::string::npos);
}

}  // namespace
}  // namespace polis::sim
