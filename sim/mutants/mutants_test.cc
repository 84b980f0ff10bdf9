// Every deliberate bug of mutants.py must be caught: by a random walk over the pure core, by a
// scenario, or by a run of the simulator. The seeds that caught it are kept below and tried first;
// if one does not any more, because runs are drawn differently now, others are tried.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "consensus/paxos/testing/plays.hh"
#include "consensus/raft/testing/kind.hh"
#include "consensus/testing/walk.hh"
#include "mutants.hh"
#include "sim/explore.hh"
#include "sim/run.hh"
#include "sim/scenarios.hh"

namespace polis {
extern int mutant;
int mutant = 0;
}  // namespace polis

namespace polis::sim {
namespace {

// Seeds that are tried before a bug counts as not caught.
constexpr std::uint64_t kWalksMax = 4000, kRunsMax = 800;

struct Kept {
  std::uint64_t walk = 0, run = 0;
  Profile profile = Profile::kMixed;  // of `run`
};

const std::map<std::string, Kept>& kept_seeds() {
  static const std::map<std::string, Kept> seeds{
      {"commit_an_old_terms_entry_by_counting", {.walk = 5360}},
      {"promise_a_vote_before_it_is_durable", {.run = 349}},
      {"acknowledge_entries_before_they_are_durable", {.walk = 35}},
      {"count_the_own_log_before_it_is_durable", {.walk = 256}},
      {"lead_alone_before_the_own_vote_is_durable", {.walk = 1264}},
      {"keep_a_configuration_that_left_the_log", {.walk = 40}},
      {"forget_that_a_removed_leader_may_be_needed", {.walk = 2752}},
      {"install_a_snapshot_that_nobody_wants_any_more", {.walk = 711}},
      {"forget_the_compaction_boundary_of_watches", {.run = 8}},
      {"go_on_after_a_failed_sync", {.run = 9}},
      {"take_damage_for_a_torn_end", {.run = 28}},
      {"believe_a_damaged_record", {.run = 104}},
      {"cut_the_log_before_the_engine_has_it", {.run = 27}},
      {"keep_the_old_log_under_a_snapshot", {.run = 7}},
      {"call_an_unseen_outcome_a_success", {.run = 26}},
      {"forget_a_promise_in_a_restart", {.walk = 69}},
      {"prefer_the_own_value", {.run = 1247}},
      {"take_a_part_of_a_promise_for_all_of_it", {.walk = 319}},
      {"accept_before_it_is_durable", {.walk = 386}},
      {"count_the_own_value_before_it_is_durable", {.walk = 183}},
      {"propose_a_configuration_that_its_voters_do_not_follow", {.run = 576}},
      {"wait_until_a_configuration_is_chosen_before_it_counts", {.run = 3}},
      {"drop_slots_behind_a_reset", {.run = 242, .profile = Profile::kClocks}},
  };
  return seeds;
}

// The one that the bug is in; both, if it is in what they share, show it with raft.
consensus::Protocol protocol() {
  return kInPaxos[mutant] ? consensus::Protocol::kPaxos : consensus::Protocol::kRaft;
}

template <Profile profile>
bool caught_by_run(std::uint64_t seed) {
  return run({.seed = seed, .protocol = protocol(), .profile = profile}).violation.has_value();
}

// In a process of its own: a bug may well break an invariant that is checked in production, too.
template <typename F>
bool caught(F f) {
  std::fflush(stdout);
  pid_t child = ::fork();
  if (child == 0) {
    [[maybe_unused]] auto quiet = std::freopen("/dev/null", "w", stderr);
    ::alarm(120);
    try {
      ::_exit(f() ? 1 : 0);
    } catch (const std::exception&) {  // a library's own check
      ::_exit(1);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGABRT;
  return WEXITSTATUS(status) == 1;
}

// The first seed that catches it, of up to `seeds_max`; 0: none does.
std::uint64_t first_seed(std::uint64_t seeds_max, bool (*catches)(std::uint64_t)) {
  constexpr std::uint64_t kBatch = 100;  // in one process; then one by one to say which
  for (std::uint64_t first = 1; first <= seeds_max; first += kBatch) {
    bool any = caught([&] {
      for (std::uint64_t seed = first; seed < first + kBatch; ++seed) {
        if (catches(seed)) return true;
      }
      return false;
    });
    for (std::uint64_t seed = first; any && seed < first + kBatch; ++seed) {
      if (caught([&] { return catches(seed); })) return seed;
    }
  }
  return 0;
}

bool caught_by_walk(std::uint64_t seed) {
  return (protocol() == consensus::Protocol::kPaxos
              ? consensus::testing::walk<paxos::testing::Kind>(seed)
              : consensus::testing::walk<raft::testing::Kind>(seed))
      .has_value();
}

std::string how_caught(const std::string& name) {
  auto found = kept_seeds().find(name);
  Kept kept = found == kept_seeds().end() ? Kept() : found->second;
  if (kept.walk != 0 && caught([&] { return caught_by_walk(kept.walk); }))
    return "walk " + std::to_string(kept.walk);
  if (kept.run != 0 && caught([&] {
        return run({.seed = kept.run, .protocol = protocol(), .profile = kept.profile})
            .violation.has_value();
      }))
    return fmt::format("run {} ({})", kept.run, to_string(kept.profile));
  for (const auto& play : paxos::testing::kPlays) {
    if (kInPaxos[mutant] && caught([&] { return outcome(play).has_value(); }))
      return std::string("play ") + play.name;
  }
  for (const Scenario& scenario : scenarios()) {
    if (caught([&] { return scenario.run(protocol()).has_value(); }))
      return "scenario " + scenario.name;
  }
  if (auto seed = first_seed(kWalksMax, caught_by_walk)) return "walk " + std::to_string(seed);
  if (auto seed = first_seed(kRunsMax, caught_by_run<Profile::kMixed>))
    return "run " + std::to_string(seed);
  if (auto seed = first_seed(kRunsMax, caught_by_run<Profile::kClocks>))
    return "run with clocks " + std::to_string(seed);
  if (auto seed = first_seed(kRunsMax, caught_by_run<Profile::kMembers>))
    return "run with members " + std::to_string(seed);
  return "";
}

class MutantTest : public ::testing::TestWithParam<int> {};

TEST_P(MutantTest, is_caught) {
  mutant = GetParam();
  std::string how = how_caught(kMutants[mutant]);
  EXPECT_NE(how, "") << kMutants[mutant];
  std::printf("%s: %s\n", kMutants[mutant], how.c_str());
}

INSTANTIATE_TEST_SUITE_P(All, MutantTest,
                         ::testing::Range(1, static_cast<int>(std::size(kMutants))),
                         [](const auto& chosen) { return std::string(kMutants[chosen.param]); });

// Those that small cells show, with the bounds of the exploration in which they do. What the others
// break needs more: leases and time, changes of members, snapshots, disks that fail, what the store
// does with commands; or three masters with values of their own.
struct Shown {
  const char* name;
  ExploreBounds bounds;
};
void PrintTo(const Shown& shown, std::ostream* out) { *out << shown.name; }
constexpr ExploreBounds kCrashOfTwo{.replicas = 2, .crashes = 1, .slow_disks = true};
constexpr ExploreBounds kCrashesOfTwo{
    .replicas = 2, .proposals = 2, .crashes = 2, .slow_disks = true};
constexpr ExploreBounds kElectionsOfThree{.replicas = 3};
constexpr ExploreBounds kCrashOfThree{
    .replicas = 3, .proposals = 0, .crashes = 1, .slow_disks = true};
constexpr ExploreBounds kCrashOfThreeWithValue{
    .replicas = 3, .proposals = 1, .crashes = 1, .slow_disks = true};
constexpr ExploreBounds kReadOfThree{.replicas = 3, .proposals = 0, .reads = 1};
const Shown kShown[]{
    {"acknowledge_before_the_quorum", kElectionsOfThree},
    {"vote_twice_in_a_term", kCrashOfTwo},
    {"vote_for_a_shorter_log", kElectionsOfThree},
    {"promise_a_vote_before_it_is_durable", kCrashOfThree},
    {"acknowledge_entries_before_they_are_durable", kCrashOfThree},
    {"count_the_own_log_before_it_is_durable", kCrashOfThree},
    {"commit_more_than_the_follower_is_known_to_have", kReadOfThree},
    {"acknowledge_before_the_quorum_has_accepted", kCrashesOfTwo},
    {"forget_a_promise_in_a_restart", kCrashesOfTwo},
    {"use_a_ballot_of_somebody_else", kCrashOfTwo},
    {"skip_phase_1", kElectionsOfThree},
    {"become_master_without_learning_what_is_chosen", kElectionsOfThree},
    {"accept_below_the_promise", kCrashOfTwo},
    {"promise_before_it_is_durable", kCrashOfThreeWithValue},
    {"accept_before_it_is_durable", kCrashOfThreeWithValue},
};

class ExplorationTest : public ::testing::TestWithParam<Shown> {};

TEST_P(ExplorationTest, finds) {
  for (mutant = 1; mutant < static_cast<int>(std::size(kMutants)); ++mutant) {
    if (std::string_view(kMutants[mutant]) == GetParam().name) break;
  }
  ASSERT_LT(mutant, static_cast<int>(std::size(kMutants))) << "there is no such mutant";
  EXPECT_TRUE(caught([] { return !explore(protocol(), GetParam().bounds).violation.empty(); }));
}

INSTANTIATE_TEST_SUITE_P(All, ExplorationTest, ::testing::ValuesIn(kShown),
                         [](const auto& shown) { return std::string(shown.param.name); });

TEST(NoMutant, is_not_caught) {
  mutant = 0;
  for (const Scenario& scenario : scenarios())
    for (auto protocol : {consensus::Protocol::kRaft, consensus::Protocol::kPaxos})
      EXPECT_EQ(scenario.run(protocol), std::nullopt) << scenario.name << to_string(protocol);
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    EXPECT_FALSE(caught_by_run<Profile::kMixed>(seed)) << seed;
}

TEST(Mutants, are_twenty_or_more) { EXPECT_GE(std::size(kMutants), 21u); }

}  // namespace
}  // namespace polis::sim
