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
std::string only_of(const std::vector<Finding>& found, Severity severity) {
  EXPECT_EQ(found.size(), 1u);
  for (const Finding& finding : found) {
    EXPECT_EQ(finding.severity, severity) << finding.what;
  }
  return found.front().what + " -> " + found.front().remedy;
}

std::string only(const std::vector<ReplicaFound>& cell, Severity severity) {
  return only_of(diagnose(cell), severity);
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

// Five voters, flexible:4,2, of which the last `lost` do not answer.
std::vector<Finding> flexible(std::size_t lost, bool master) {
  std::vector<ReplicaFound> cell;
  consensus::Configuration deciding;
  deciding.quorum = {consensus::QuorumKind::kFlexible, 4, 2};
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    ReplicaFound replica = healthy()[0];
    replica.name = name;
    replica.id = static_cast<std::uint64_t>(name[0]);
    replica.master = master ? 'a' : 0;
    if (cell.size() >= 5 - lost) down(replica);
    deciding.voters.emplace_back(replica.id);
    cell.push_back(replica);
  }
  return diagnose(cell, deciding);
}

TEST(Diagnosis, a_flexible_quorum_that_lost_some_is_reckoned_by_its_own_rule) {
  auto found = flexible(1, true);
  EXPECT_EQ(found[0].severity, Severity::kWarning);
  expect_says(found[0].what, {"4 of 5 voters answer", "may stop"});
  // Two of five alive write on with their master.
  found = flexible(3, true);
  EXPECT_EQ(found[0].severity, Severity::kFailure);
  expect_says(found[0].what, {"takes writes, but stops as soon as its master does",
                              "2 are needed to write, 4 to elect"});
  expect_says(found[0].remedy, {"do not restart it"});
  // Three of five alive without a master find none.
  found = flexible(2, false);
  expect_says(found[0].what,
              {"nobody can be elected master", "3 of 5 voters answer", "4 to elect"});
  EXPECT_EQ(std::count_if(found.begin(), found.end(),
                          [](const Finding& f) { return f.severity == Severity::kFailure; }),
            1);
  found = flexible(4, false);
  expect_says(found[0].what, {"no quorum: 1 of 5 voters answer"});
}

TEST(Diagnosis, a_cell_of_places_is_reckoned_by_its_places) {
  consensus::Configuration deciding;
  deciding.quorum = {consensus::QuorumKind::kPlaces};
  std::vector<ReplicaFound> cell;
  for (std::size_t i = 0; i < 9; ++i) {
    ReplicaFound replica = healthy()[0];
    replica.id = i + 1;
    replica.master = 1;
    replica.name = std::string(1, static_cast<char>('a' + i));
    deciding.voters.emplace_back(replica.id);
    deciding.put({.id = consensus::ReplicaId(replica.id),
                  .place = i < 3   ? "x"
                           : i < 6 ? "y"
                                   : "z"});
    // A whole place and one more: four of nine; and then another one of the same place.
    if (i < 4) down(replica);
    cell.push_back(replica);
  }
  for (auto& replica : cell) replica.master = 5;
  expect_says(only_of(diagnose(cell, deciding), Severity::kWarning),
              {"5 of 9 voters answer", "may stop"});
  down(cell[5]);
  expect_says(diagnose(cell, deciding)[0].what, {"no quorum: 4 of 9", "majority of the places"});
}

TEST(Diagnosis, a_replica_that_founded_a_cell_of_its_own_is_named_with_what_to_do) {
  auto cell = healthy();
  down(cell[1]);
  cell[1].unreachable = "it has never started";
  cell[1].started = false;
  cell[1].refuses = {{"a", "b is a cell of one"}, {"c", "b is a cell of one"}};
  auto found = diagnose(cell);
  ASSERT_EQ(found.size(), 3u);
  std::string all;
  for (const Finding& finding : found) all += finding.what + " -> " + finding.remedy + "\n";
  expect_says(all, {"b has never taken part -> start it with the same --initial",
                    "b refuses a, c: b is a cell of one"});
  auto alone = std::vector{healthy()[0]};
  alone[0].warnings = {"--initial names others"};
  expect_says(only(alone, Severity::kWarning), {"a says: --initial names others"});
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

TEST(Diagnosis, certificates_that_end_are_seen_with_the_remedy) {
  constexpr std::int64_t kDay = 86'400, kNow = 1'800'000'000;
  auto cell = healthy();
  cell[1].wall_clock_seconds = kNow;
  cell[1].certificates = {{"clients", {kNow - 300 * kDay, kNow + 65 * kDay}},
                          {"replicas", {kNow - 352 * kDay, kNow + 13 * kDay}}};
  expect_says(only(cell, Severity::kWarning),
              {"that b shows to replicas ends in 13 days", "polis cert issue NAME --renew"});
  cell[1].certificates = {{"clients", {kNow - 365 * kDay, kNow}}};
  expect_says(only(cell, Severity::kFailure),
              {"that b shows to clients has ended", "without a restart"});
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
