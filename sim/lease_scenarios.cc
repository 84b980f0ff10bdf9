#include "sim/lease_scenarios.hh"

#include <fmt/format.h>

#include "sim/stage.hh"

namespace polis::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kLease = 7, kRival = 8;
constexpr std::int64_t kTerm = 2;  // seconds
constexpr Duration kRenewals = 400ms;

// Two clients at two replicas, each with a lease; the first one has the lock.
void begin_with_lock(Stage& stage, std::size_t holder, std::size_t rival,
                     std::int64_t term = kTerm) {
  expect(stage.grant(holder, kLease, term) && stage.grant(rival, kRival, term),
         "no lease is granted");
  expect(stage.lock(holder, "lock", kLease), "a free lock is refused");
}

// Both renew their leases, and the second one tries the lock all the time.
void renew_for(Stage& stage, Duration time, std::size_t holder, std::size_t rival,
               Duration renewals = kRenewals) {
  for (const Instant end = stage.world().now() + time; stage.world().now() < end;) {
    stage.begin_renewal(holder, kLease);
    stage.begin_renewal(rival, kRival);
    stage.begin_lock(rival, "lock", kRival);
    stage.run_for(renewals);
  }
}

void expect_held(Stage& stage, std::size_t place, const std::string& when) {
  expect(stage.has_lease(place, kLease), "a lease that is renewed is gone " + when);
  auto value = stage.get(place, "lock");
  expect(value && lease_of_value(*value) == kLease, "the lock is gone " + when);
}

std::size_t next_master(Stage& stage, std::size_t old) {
  std::size_t next = old;
  stage.until("another master is elected", [&] {
    for (std::size_t i = 0; i < stage.cell().size(); ++i) {
      if (i != old && stage.is_master(i)) next = i;
    }
    return next != old;
  });
  return next;
}

}  // namespace

// A master stands still; its successor renews what it takes for over when it goes on.
void paused_master_ends_no_lease() {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Stage stage({.replicas = 3}, {}, seed);
    const std::size_t old = stage.master(), holder = (old + 1) % 3, rival = (old + 2) % 3;
    begin_with_lock(stage, holder, rival);
    stage.run_for(Duration(83ms) * seed);
    stage.node(old).machine().pause(3s, seed % 2 == 0);
    renew_for(stage, 6s, holder, rival);
    expect_held(stage, holder, "after its master stood still");
    stage.finish();
  }
}

// A lease of five seconds is renewed each second. The last renewal that the master has seen is as
// old as the next one would be when it begins to stand still, for four seconds: whether the lease
// seems over to it then is a matter of milliseconds.
void paused_master_ends_no_lease_at_the_last_moment() {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Stage stage({.replicas = 3}, {}, seed);
    const std::size_t old = stage.master(), holder = (old + 1) % 3, rival = (old + 2) % 3;
    begin_with_lock(stage, holder, rival, 5);
    renew_for(stage, 3s, holder, rival, 1s);
    stage.begin_renewal(holder, kLease);
    stage.run_for(Duration(83ms) * seed);
    stage.node(old).machine().pause(4050ms, true);
    stage.run_for(1s - Duration(83ms) * seed);
    renew_for(stage, 6s, holder, rival, 1s);
    expect_held(stage, holder, "after its master stood still for less than the term");
    stage.finish();
  }
}

// What a master decides reaches nobody. The next one renews the lease, and dies. The third one
// finds the decision with the first: with Paxos it has to propose it again.
void adopted_decision_has_no_effect() {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Stage stage({.replicas = 3}, {}, seed);
    const std::size_t first = stage.master();
    stage.run_for(500ms);
    expect(stage.grant(first, kLease, 2), "no lease is granted");
    expect(stage.lock(first, "lock", kLease), "a free lock is refused");
    const Instant granted = stage.world().now();
    stage.run_for(granted + 1900ms - stage.world().now());
    // The first master is still heard, but nothing that it proposes.
    stage.cell().network().set_slow([&stage](const std::string& message) {
      return stage.what_is(message).teaches ? Duration(60s) : Duration();
    });
    const auto last = stage.status(first).last;
    stage.begin_put(first, "k", fmt::format("not chosen {}", seed));
    stage.until("the end of the lease is proposed",
                [&] { return stage.status(first).last >= last + 2; });
    stage.cut_off(first);
    stage.cell().network().set_slow({});
    const std::size_t second = next_master(stage, first);
    const std::size_t third = 3 - first - second;
    // Whether it still hangs on the first master's word or not: from here on, the second decides.
    stage.begin_renewal(second, kLease);
    stage.run_for(300ms);
    const bool renewed = stage.history().leases.at(kLease).renewed_last > granted;
    expect(renewed && stage.has_lease(second, kLease), "the next master does not renew a lease");
    stage.crash(second);
    stage.heal();
    stage.until("a third master is elected", [&] {
      return (stage.is_master(first) || stage.is_master(third)) &&
             stage.status(third).role.master != stage.node(second).id() &&
             stage.status(first).role == stage.status(first).role;
    });
    stage.run_for(500ms);
    stage.finish();
  }
}

// A master stands still for longer than the lease, and nobody looks for another one so soon: the
// renewals wait at its door.
void waiting_renewals_come_before_the_end() {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Stage stage({.replicas = 3, .election_timeout_min = 5s, .election_timeout_max = 6s}, {}, seed);
    const std::size_t master = stage.master(), holder = (master + seed % 3) % 3,
                      rival = (holder + 1) % 3;
    begin_with_lock(stage, holder, rival);
    stage.run_for(Duration(83ms) * seed);
    stage.node(master).machine().pause(2500ms, true);
    renew_for(stage, 5s, holder, rival);
    expect(stage.is_master(master), "there is another master after a stall of half the timeout");
    expect_held(stage, master, "after a stall in which its renewals waited");
    stage.finish();
  }
}

// Masters change in every way, once a second; a lease that is renewed stays.
void leases_outlive_masters() {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Stage stage({.replicas = 3}, {}, seed);
    const std::size_t holder = seed % 3, rival = (seed + 1) % 3;
    stage.master();
    begin_with_lock(stage, holder, rival);
    for (int round = 0; round < 6; ++round) {
      const std::size_t master = stage.master();
      if (round % 3 == 0) {
        stage.node(master).machine().deliver([&stage, master] {
          if (stage.node(master).up()) stage.node(master).replica().hand_over([] {});
        });
      } else if (round % 3 == 1 && master != holder) {
        stage.crash(master);
      } else {
        stage.cut_off(master);
      }
      renew_for(stage, 1500ms, holder, rival);
      stage.heal();
      if (!stage.node(master).up()) stage.start(master);
      renew_for(stage, 1s, holder, rival);
    }
    stage.finish();
  }
}

}  // namespace polis::sim
