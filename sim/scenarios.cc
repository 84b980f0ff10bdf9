#include "sim/scenarios.hh"

#include <fmt/format.h>

#include "replica/wire.hh"
#include "sim/etcd_scenarios.hh"
#include "sim/lease_scenarios.hh"
#include "sim/log_scenarios.hh"
#include "sim/snapshot_scenarios.hh"
#include "sim/stage.hh"
#include "sim/wire_scenarios.hh"

namespace polis::sim {
namespace {

using namespace std::chrono_literals;

// --- what else must not happen

void cut_off_follower_deposes_nobody() {
  Stage stage({.replicas = 3});
  std::size_t master = stage.master();
  std::size_t cut = stage.follower();
  consensus::Term term = stage.term();
  stage.cut_off(cut);
  stage.run_for(8s);
  expect(stage.master() == master && stage.term() == term,
         "a follower that is cut off changes the master");
  stage.heal();
  stage.run_for(5s);
  expect(stage.master() == master && stage.term() == term,
         "a follower that comes back deposes a master who works");
  stage.finish();
}

// Reads come to `old` all the time, and writes to the others.
void read_here_and_write_there(Stage& stage, std::size_t old, Duration time) {
  Instant end = stage.world().now() + time;
  for (int i = 0; stage.world().now() < end; ++i) {
    if (stage.node(old).up()) stage.begin_get(old, "k");
    std::size_t other = (old + 1 + i % 2) % 3;
    if (stage.node(other).up())
      stage.begin_put(other, "k", fmt::format("w{}-{}", stage.world().events(), i));
    stage.run_for(2ms);
  }
}

// The word to take over arrives when the master has given that up and reads by lease again.
void given_up_hand_over() {
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    Stage stage({.replicas = 3, .lease_margin = {}}, {}, seed);
    stage.cell().network().set_slow([&stage](const std::string& message) {
      return stage.what_is(message).take_over ? Duration(900ms) : Duration();
    });
    for (int round = 0; round < 3; ++round) {
      std::size_t master = stage.master();
      stage.run_for(300ms);
      stage.node(master).machine().deliver([&stage, master] {
        if (stage.node(master).up()) stage.node(master).replica().hand_over([] {});
      });
      stage.run_for(880ms);
      if (!stage.is_master(master)) continue;
      // It has a lease for a while and hears nothing of what comes; it can still be heard by one.
      for (std::size_t other : {(master + 1) % 3, (master + 2) % 3}) {
        stage.cell().network().cut(other, master);
        if (other != stage.heir(master)) stage.cell().network().cut(master, other);
      }
      read_here_and_write_there(stage, master, 250ms);
      stage.heal();
      stage.run_for(500ms);
    }
    stage.finish();
  }
}

// As above, with everything late now and then.
void late_hand_over() {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    NetworkFaults slow{.late = 0.5, .late_by = 1500ms};
    Stage stage({.replicas = 3, .network = slow, .lease_margin = {}},
                {.clients = 4, .keys = 1, .think_max = 3ms}, seed);
    stage.load().start();
    for (int round = 0; round < 6; ++round) {
      std::size_t master = stage.master();
      stage.node(master).machine().deliver([&stage, master] {
        if (stage.node(master).up()) stage.node(master).replica().hand_over([] {});
      });
      stage.run_for(50ms);
      stage.cut_off(master);  // whoever wins does so without it
      stage.run_for(700ms);
      stage.heal();
      stage.run_for(500ms);
    }
    stage.cell().network().set_faults({});
    stage.finish();
  }
}

void restarted_voter_keeps_its_promise() {
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    Stage stage({.replicas = 3, .lease_margin = {}}, {}, seed);
    stage.run_for(1s);
    for (int round = 0; round < 4; ++round) {
      // The lease of the master stands on the promise of one follower; the other one would like to
      // be elected.
      std::size_t master = stage.master();
      std::size_t promised = (master + 1) % 3, waiting = (master + 2) % 3;
      stage.cut(master, waiting);
      stage.run_for(500ms + Duration(31ms) * round);
      if (!stage.is_master(master)) {
        stage.heal();
        continue;
      }
      stage.cut_off(master);
      stage.crash(promised);
      stage.start(promised);
      read_here_and_write_there(stage, master, 400ms);
      stage.heal();
      stage.run_for(900ms);
    }
    stage.finish();
  }
}

// The next master is elected with the old one's consent; the old one hears nothing of it.
void hand_over_into_silence() {
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    Stage stage({.replicas = 3, .lease_margin = {}}, {}, seed);
    for (int round = 0; round < 4; ++round) {
      std::size_t old = stage.master();
      stage.run_for(300ms);
      if (!stage.is_master(old)) continue;
      stage.node(old).machine().deliver([&stage, old] {
        if (stage.node(old).up()) stage.node(old).replica().hand_over([] {});
      });
      stage.until("another one stands for election", [&] {
        return stage.status((old + 1) % 3).role.role == consensus::Role::kCandidate ||
               stage.status((old + 2) % 3).role.role == consensus::Role::kCandidate;
      });
      stage.cut_off(old);
      read_here_and_write_there(stage, old, 350ms);
      stage.heal();
      stage.run_for(500ms);
    }
    stage.finish();
  }
}

// A follower asks for a read index and dies; what its next process asks must not be answered with
// that. Everything that could teach the next process better is on its way for long.
void answer_to_an_earlier_process() {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Stage stage({.replicas = 3}, {}, seed);
    const std::size_t master = stage.master(), asks = (master + 1) % 3;
    stage.run_for(500ms);
    stage.put(master, "k", "old");
    stage.run_for(100ms);
    stage.cell().network().set_slow([&stage, asks](const std::string& bytes) {
      const Stage::Said said = stage.what_is(bytes);
      if (said.to != stage.node(asks).id()) return Duration();
      return said.read_index ? Duration(400ms) : said.teaches ? Duration(2s) : Duration();
    });
    stage.begin_get(asks, "k");
    stage.run_for(20ms);
    stage.crash(asks);
    stage.start(asks);
    stage.until("it knows its master", [&] {
      return stage.node(asks).replica().status_role().master == stage.node(master).id();
    });
    expect(stage.put(master, "k", "new").has_value(), "a write with two of three is not answered");
    stage.begin_get(asks, "k");
    stage.run_for(3s);
    stage.cell().network().set_slow({});
    stage.finish();
  }
}

// Masters are cut off again and again while clients read through everyone.
void masters_are_cut_off(CellConfig config, Duration pause) {
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    Stage stage(config, {.clients = 6, .keys = 1, .think_max = 2ms}, seed);
    stage.load().start();
    for (int round = 0; round < 6; ++round) {
      stage.run_for(300ms + Duration(7ms) * round);
      std::size_t master = stage.master();
      // What was on its way to a paused master waits at its door.
      stage.node(master).machine().pause(pause);
      if (pause > Duration::zero()) stage.run_for(25ms);
      stage.cut_off(master);
      // The others look for the next one as soon as their promises allow.
      for (std::size_t i = 0; i < config.replicas; ++i) {
        if (i != master) stage.node(i).lose_peer(master);
      }
      stage.run_for(1s);
      stage.heal();
    }
    stage.finish();
  }
}

// A voter is replaced, and at that moment the old and the new one are on different sides of a cut:
// each side would be a majority of the voters that it knows.
void replaced_on_both_sides_of_a_cut() {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Stage stage({.replicas = 3, .spares = 1}, {}, seed);
    const std::size_t master = stage.master(), stays = (master + 1) % 3, leaves = (master + 2) % 3,
                      comes = 3;
    stage.ask_for(master, {.kind = replica::MemberChange::Kind::kAdd,
                           .peer = SimulatedCell::address_of(comes),
                           .replaces = stage.node(leaves).id()});
    auto learners = [&] { return stage.status(master).configuration.learners; };
    stage.until("there is a learner", [&] { return learners().size() == 1; });
    const consensus::ReplicaId id = learners().front();
    stage.node(comes).become(id);
    stage.start(comes);
    stage.until("it has caught up",
                [&] { return stage.status(comes).last == stage.status(master).last; });
    stage.run_for(60ms);
    stage.ask_for(master, {.kind = replica::MemberChange::Kind::kPromote, .id = id});
    for (std::size_t a : {master, comes}) {
      for (std::size_t b : {stays, leaves}) stage.cut(a, b);
    }
    stage.begin_put(master, "k", "on the side of the new one");
    stage.run_for(1500ms);
    stage.begin_put(stays, "k", "on the side of the old one");
    stage.run_for(500ms);
    stage.heal();
    stage.finish();
  }
}

void slow_disk_hands_over(Duration sync) {
  Stage stage({.replicas = 3});
  std::size_t master = stage.master();
  stage.run_for(500ms);
  stage.node(master).disk_faults().stall = 1;
  stage.node(master).disk_faults().stall_length = sync;
  for (int i = 0; i < 12; ++i) {
    stage.begin_put((master + 1) % 3, "k", fmt::format("v{}", i));
    stage.run_for(300ms);
  }
  expect(!stage.is_master(master), "a master with a slow disk stays master");
  Instant before = stage.world().now();
  expect(stage.put((master + 1) % 3, "k", "after").has_value(), "no write succeeds any more");
  expect(stage.world().now() - before < 300ms, "writes still wait for the slow disk");
  stage.node(master).disk_faults().stall = 0;
  stage.run_for(2 * sync);
  stage.finish();
}

// Raft thesis figure 3.7: five replicas, an entry that reaches a majority only under a later
// leader, and a replica that may still overwrite it.
void old_entry_is_not_committed_by_counting() {
  Stage stage({.replicas = 5, .append_bytes_max = 1});
  const std::size_t first = stage.master();
  stage.run_for(500ms);
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < 5; ++i) {
    if (i != first) others.push_back(i);
  }
  const std::size_t second = others[0];
  others.erase(others.begin());
  // The entry reaches `second` alone.
  for (std::size_t i : others) {
    stage.cut(first, i);
    stage.cut(second, i);
  }
  const consensus::LogIndex entry = stage.status(first).last.next();
  stage.begin_put(first, "k", "from the first leader");
  stage.until("the entry is on two", [&] { return stage.status(second).last == entry; });
  stage.run_for(20ms);
  stage.crash(first);
  // The three elect one, who dies with an entry of its own at the same place.
  std::size_t rival = 0;
  stage.until("the three elect one", [&] {
    for (std::size_t i : others) {
      if (stage.is_master(i)) rival = i;
    }
    return stage.is_master(rival);
  });
  stage.cut_off(rival);
  stage.run_for(20ms);
  stage.crash(rival);
  // Back together without it: the entry is replicated on, and dies with its leader just when a
  // majority has it.
  stage.heal();
  stage.start(first);
  std::size_t leader = first;
  // (With paxos any of the four may become master, and find it.)
  stage.until("a new master commits the entry", [&] {
    for (std::size_t i = 0; i < 5; ++i) {
      if (i != rival && stage.is_master(i)) leader = i;
    }
    return stage.is_master(leader) && stage.status(leader).commit >= entry;
  });
  stage.cut_off(leader);
  stage.crash(first);
  stage.crash(second);
  // Who can lead now, the rival among them, must agree with what was committed.
  stage.start(rival);
  stage.run_for(5s);
  stage.finish();
}

std::optional<std::string> outcome(const std::function<void()>& play) {
  try {
    play();
  } catch (const Violation& violation) {
    return violation.what();
  }
  return std::nullopt;
}

Scenario scenario(const char* name, const char* about, std::function<void()> play) {
  return {name, about, [play = std::move(play)](consensus::Protocol protocol) {
            auto playing = Stage::with(protocol);
            return outcome(play);
          }};
}

std::vector<Scenario> scenarios_of_replicas() {
  return {
      scenario("a_single_replica_loses_no_acknowledged_write_in_a_crash",
               "etcd 3.5.0 to 3.5.2: acknowledged before the write-ahead log had it",
               single_replica_crash),
      scenario("a_watch_never_goes_back_in_time_after_a_partition",
               "etcd: a watch resumed on a member that lagged", watch_after_partition),
      scenario("no_watch_event_is_lost_or_repeated_over_crashes_and_compactions",
               "etcd: duplicated and lost events when a watch was synchronised",
               watches_under_crashes),
      scenario("the_revision_never_decreases_after_a_crash_during_compaction",
               "etcd: compaction was not persisted with the state", crash_during_compaction),
      scenario("a_deletion_at_the_compacted_revision_is_seen",
               "etcd: a watch from the compacted revision missed the tombstone",
               delete_at_compacted_revision),
      scenario("no_read_is_stale_after_a_pause_by_lease",
               "etcd: a lease or leadership that was checked before the process paused",
               [] { stale_read_after_pause(consensus::Reads::kLease); }),
      scenario("no_read_is_stale_after_a_pause_by_quorum", "as above",
               [] { stale_read_after_pause(consensus::Reads::kQuorum); }),
      scenario("replicas_are_equal_after_crashes_under_load",
               "etcd 3.5: the applied index was saved without what had been applied",
               crash_under_load),
      scenario("no_watch_is_told_of_a_future_revision",
               "etcd: progress notifications ran ahead of the events", no_future_progress),
      scenario("an_entry_of_an_old_term_is_not_committed_by_counting", "Raft thesis 3.6.2",
               old_entry_is_not_committed_by_counting),
      scenario("clocks_at_both_ends_of_the_bound_make_no_read_stale", "Raft thesis 6.4.1",
               [] {
                 masters_are_cut_off({.replicas = 3, .lease_margin = {}, .clock_drift_max = 0.2},
                                     {});
               }),
      scenario("a_master_that_pauses_counts_its_lease_from_when_it_asked", "Chubby 2.8",
               [] {
                 NetworkFaults far{.delay_min = 5ms, .delay_max = 10ms};
                 masters_are_cut_off({.replicas = 3, .network = far, .lease_margin = {}}, 290ms);
               }),
      scenario("a_cell_that_stops_in_silence_keeps_its_log",
               "seen in simulation: with paxos, who lagged was given the whole state",
               all_stop_in_silence),
      scenario("a_log_that_is_lost_while_the_cell_is_stopped_is_missed",
               "an acknowledged write was lost though a replica still had it",
               [] {
                 for (auto loss : {Node::Loss::kGone, Node::Loss::kEmptied, Node::Loss::kCut})
                   a_cell_stops_and_one_log_is_lost(loss);
               }),
      scenario("a_log_that_is_lost_right_after_a_snapshot_is_missed", "as above",
               a_log_is_lost_behind_a_snapshot),
      scenario("a_change_of_voters_never_makes_two_majorities", "Raft thesis 4.3",
               replaced_on_both_sides_of_a_cut),
      scenario("who_was_removed_learns_it_from_a_snapshot_too",
               "found by simulation: it went on instead, with a hole in its state",
               removed_in_a_snapshot),
      scenario("a_crash_behind_a_snapshot_makes_nothing_chosen",
               "found by simulation: what was accepted before was taken for chosen",
               [] {
                 for (std::uint64_t seed = 1; seed <= 8; ++seed)
                   power_fails_behind_a_snapshot(seed);
               }),
      scenario("an_answer_to_an_earlier_process_is_not_taken",
               "found by simulation: read indexes were counted from 1 in every process",
               answer_to_an_earlier_process),
      scenario("a_follower_that_was_cut_off_deposes_nobody", "Raft thesis 9.6",
               cut_off_follower_deposes_nobody),
      scenario("a_hand_over_that_comes_late_makes_no_read_stale", "Raft thesis 6.4.1 and 3.10",
               late_hand_over),
      scenario("a_master_whose_disk_is_slow_hands_over", "the cell is as fast as its master's disk",
               [] { slow_disk_hands_over(400ms); }),
      scenario("a_master_whose_disk_hangs_hands_over", "as above",
               [] { slow_disk_hands_over(20s); }),
      scenario("a_hand_over_that_was_given_up_elects_nobody", "Raft thesis 6.4.1 and 3.10",
               given_up_hand_over),
      scenario("a_master_that_hands_over_gives_its_lease_up_first", "Raft thesis 6.4.1 and 3.10",
               hand_over_into_silence),
      scenario("a_master_that_was_paused_ends_no_lease_that_its_successor_renewed",
               "Chubby 2.8; etcd 16822: revoked by a leader that had been paused",
               paused_master_ends_no_lease),
      scenario("a_lease_that_is_renewed_each_second_outlives_a_change_of_master",
               "seen in one run of twelve: a master that stood still for less than the term",
               paused_master_ends_no_lease_at_the_last_moment),
      scenario("what_a_deposed_master_decided_has_no_effect_where_it_is_adopted",
               "Paxos Made Simple, P2c: a successor proposes what it finds",
               adopted_decision_has_no_effect),
      scenario("renewals_that_waited_during_a_stall_come_before_the_end_of_their_leases",
               "one client stopped everybody, and the others lost their leases",
               waiting_renewals_come_before_the_end),
      scenario("a_lease_that_is_renewed_outlives_its_masters", "Chubby 2.8",
               leases_outlive_masters),
      scenario("a_restart_does_not_break_a_promise", "Raft thesis 6.4.1; Chubby 2.8",
               restarted_voter_keeps_its_promise),
  };
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = [] {
    std::vector<Scenario> both = scenarios_of_replicas();
    for (Scenario& one : wire_scenarios()) both.push_back(std::move(one));
    return both;
  }();
  return all;
}

}  // namespace polis::sim
