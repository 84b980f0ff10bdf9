#include "cli/diagnosis.hh"

#include <gtest/gtest.h>

namespace polis::cli {
namespace {

std::vector<ReplicaFound> healthy() {
  std::vector<ReplicaFound> cell;
  for (const char* name : {"a", "b", "c"}) {
    cell.push_back({.name = name,
                    .client = "host:1",
                    .id = static_cast<std::uint64_t>(name[0]),
                    .heard_seconds_ago = 0.01,
                    .version = "1",
                    .master = 'a',
                    .term = 3,
                    .commit = 100'000,
                    .applied = 100'000,
                    .disk_free = 100ULL << 30,
                    .disk_free_min = 96 << 20,
                    .sync_ms_average = 0.3,
                    .sync_ms_worst = 4,
                    .clock_rate_error = 1e-5,
                    .clock_drift_max = 5e-4,
                    .election_timeout_ms = 300});
  }
  return cell;
}

void down(ReplicaFound& replica) {
  replica.unreachable = "cannot connect";
  replica.heard_seconds_ago = 12;
}

// The only finding, as text.
std::string only(const std::vector<ReplicaFound>& cell, Severity severity) {
  auto found = diagnose(cell);
  EXPECT_EQ(found.size(), 1u);
  for (const Finding& finding : found) {
    EXPECT_EQ(finding.severity, severity) << finding.what;
  }
  return found.front().what + " -> " + found.front().remedy;
}

void expect_says(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST(Diagnosis, a_healthy_cell_is_fine) {
  expect_says(only(healthy(), Severity::kFine), {"all 3 replicas answer"});
}

TEST(Diagnosis, without_a_quorum_it_says_who_is_missing_since_when) {
  auto cell = healthy();
  down(cell[1]);
  down(cell[2]);
  for (auto& replica : cell) replica.master = 0;
  auto found = diagnose(cell);
  EXPECT_EQ(found[0].severity, Severity::kFailure);
  expect_says(found[0].what, {"no quorum: 1 of 3 voters answer, 2 are needed", "b (cannot connect",
                              "last heard by the others 12.0 s ago"});
}

TEST(Diagnosis, one_voter_less_is_a_warning_and_names_the_remedy) {
  auto cell = healthy();
  down(cell[2]);
  expect_says(only(cell, Severity::kWarning),
              {"2 of 3 voters answer; missing: c", "If one more fails, the cell stops",
               "polis cell replace"});
}

TEST(Diagnosis, a_slow_disk_is_named_with_how_slow) {
  auto cell = healthy();
  cell[1].sync_ms_average = 80;
  cell[1].sync_ms_worst = 900;
  expect_says(only(cell, Severity::kWarning), {"disk of b is slow", "80 ms on average", "900"});
}

TEST(Diagnosis, a_stalled_disk_is_a_note) {
  auto cell = healthy();
  cell[1].sync_ms_worst = 900;
  expect_says(only(cell, Severity::kNote), {"stalled", "900 ms"});
}

TEST(Diagnosis, full_and_nearly_full_disks_are_told_apart) {
  auto cell = healthy();
  cell[0].disk_free = 10 << 20;
  expect_says(only(cell, Severity::kFailure), {"disk of a is full", "refuses writes"});
  cell[0].disk_free = 150 << 20;
  expect_says(only(cell, Severity::kWarning), {"nearly full", "150 MB"});
}

TEST(Diagnosis, a_clock_beyond_its_bound_is_a_failure_only_if_that_is_sure) {
  auto cell = healthy();
  cell[2].clock_rate_apart = 0.002;
  expect_says(only(cell, Severity::kFailure),
              {"clock of c runs 2000 ppm faster", "--reads quorum"});
  cell[2].clock_rate_error = 0.0018;
  only(cell, Severity::kFine);
}

TEST(Diagnosis, a_follower_far_behind_is_named_with_the_distance) {
  auto cell = healthy();
  cell[1].applied = 50'000;
  expect_says(only(cell, Severity::kWarning), {"b is 50000 log entries behind"});
  cell[1].receives_snapshot = true;
  expect_says(only(cell, Severity::kNote), {"receives a snapshot"});
}

TEST(Diagnosis, different_masters_versions_and_timeouts_are_seen) {
  auto cell = healthy();
  cell[2].version = "2";
  expect_says(only(cell, Severity::kNote), {"1 (a, b); 2 (c)", "upgrade"});
  cell = healthy();
  for (auto& replica : cell) replica.cell_version = 1;
  cell[1].cell_version_newest = 2;
  expect_says(only(cell, Severity::kNote),
              {"the cell is at version 1, b knows 2", "rises by itself"});
  cell = healthy();
  cell[2].master = 'c';
  expect_says(only(cell, Severity::kWarning), {"different masters"});
  cell = healthy();
  cell[2].election_timeout_ms = 500;
  expect_says(only(cell, Severity::kNote), {"election timeouts"});
}

TEST(Diagnosis, members_that_never_started_and_even_numbers_are_seen) {
  auto cell = healthy();
  cell.push_back({.name = "d", .voter = false, .started = false, .unreachable = "never"});
  expect_says(only(cell, Severity::kWarning), {"d was added and has never started"});
  cell = healthy();
  cell.push_back(cell[2]);
  cell[3].name = "d";
  expect_says(only(cell, Severity::kNote), {"4 voters bear no more failures than 3"});
}

}  // namespace
}  // namespace polis::cli
