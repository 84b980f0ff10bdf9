#include "shim/life.hh"

#include <gtest/gtest.h>

#include "base/random.hh"

namespace polis::shim {
namespace {

Spec exclusive(Nanoseconds deadline, std::uint64_t lease = 1) {
  Spec spec;
  spec.exclusive = 1;
  spec.deadline = static_cast<std::uint64_t>(deadline);
  spec.lease = lease;
  return spec;
}

Request ask(Ask what) { return {.ask = what}; }

TEST(Life, a_process_that_ends_of_itself_leaves_nothing_behind) {
  Life life({});
  life.on_started(1);
  EXPECT_EQ(life.state().phase, Phase::kRunning);
  life.on_main_ended(2, Exit::kExited, 3, false);
  EXPECT_EQ(life.state().phase, Phase::kKilling);
  EXPECT_TRUE(life.take_actions().kill_all);
  life.on_gone(3);
  EXPECT_EQ(life.state().phase, Phase::kEnded);
  EXPECT_EQ(life.state().cause, Cause::kItself);
  EXPECT_EQ(life.state().exit_number, 3u);
  EXPECT_TRUE(life.take_actions().record);
}

TEST(Life, who_does_not_stop_within_its_grace_is_killed) {
  Life life({});
  life.on_started(1);
  EXPECT_EQ(life.on_request({.ask = Ask::kStop, .signal = 2, .grace = 100}, 10), Verdict::kDone);
  EXPECT_EQ(life.take_actions().signal_main, 2);
  EXPECT_EQ(life.wake_at(), 110);
  life.on_time(109);
  EXPECT_FALSE(life.take_actions().kill_all);
  life.on_time(110);
  EXPECT_TRUE(life.take_actions().kill_all);
  life.on_main_ended(120, Exit::kKilled, 9, false);
  life.on_gone(150);
  EXPECT_EQ(life.state().cause, Cause::kStop);
  EXPECT_EQ(life.state().kill_took, 40u);
}

TEST(Life, what_the_main_process_leaves_when_asked_to_stop_gets_the_rest_of_the_grace) {
  Life life({});
  life.on_started(1);
  life.on_request({.ask = Ask::kStop, .grace = 100}, 10);
  life.take_actions();
  life.on_main_ended(20, Exit::kExited, 0, false);
  const Actions actions = life.take_actions();
  EXPECT_EQ(actions.signal_rest, kStopSignalDefault);
  EXPECT_FALSE(actions.kill_all);
  EXPECT_EQ(life.state().phase, Phase::kStopping);
  life.on_time(110);
  EXPECT_TRUE(life.take_actions().kill_all);
}

TEST(Life, what_is_left_while_stopping_is_asked_again) {
  Life life({});
  life.on_started(1);
  life.on_request(ask(Ask::kStop), 10);
  life.on_main_ended(20, Exit::kExited, 0, false);
  int asked = 0;
  for (Nanoseconds now = 20; now < 20 + 3 * kSecond;) {
    asked += life.take_actions().signal_rest != 0;
    now = life.wake_at();
    life.on_time(now);
  }
  EXPECT_GE(asked, 5);
  EXPECT_LE(asked, 7);
}

TEST(Life, a_second_stop_can_only_shorten_the_grace) {
  Life life({});
  life.on_started(1);
  life.on_request({.ask = Ask::kStop, .grace = 100}, 10);
  life.on_request({.ask = Ask::kStop, .grace = 1000}, 20);
  EXPECT_EQ(life.wake_at(), 110);
  life.on_request({.ask = Ask::kStop, .grace = 10}, 30);
  EXPECT_EQ(life.wake_at(), 40);
}

TEST(Life, a_stop_before_the_program_began_reaches_the_program) {
  Life life({});
  EXPECT_EQ(life.on_request(ask(Ask::kStop), 1), Verdict::kDone);
  EXPECT_EQ(life.take_actions().signal_main, 0);
  life.on_started(2);
  EXPECT_EQ(life.take_actions().signal_main, kStopSignalDefault);
  EXPECT_EQ(life.state().phase, Phase::kStopping);
}

TEST(Life, killing_is_repeated_and_what_cannot_be_killed_is_said) {
  Life life({});
  life.on_started(1);
  life.on_request(ask(Ask::kKill), 10);
  int kills = 0;
  bool counted = false;
  for (Nanoseconds now = 10; now < 10 + kKillPatience + kSecond;) {
    const Actions actions = life.take_actions();
    kills += actions.kill_all;
    counted = counted || actions.count_remaining;
    now = life.wake_at();
    life.on_time(now);
  }
  EXPECT_GT(kills, 20);
  EXPECT_LT(kills, 60);
  EXPECT_TRUE(counted);
  life.on_remaining(2);
  EXPECT_EQ(life.state().remaining, 2u);
}

TEST(Life, a_deadline_that_passes_kills_whatever_else_goes_on) {
  for (bool stopping : {false, true}) {
    Life life(exclusive(1000));
    life.on_started(1);
    if (stopping) life.on_request({.ask = Ask::kStop, .grace = 100000}, 10);
    life.take_actions();
    EXPECT_EQ(life.wake_at(), 1000);
    life.on_time(999);
    EXPECT_FALSE(life.take_actions().kill_all);
    life.on_time(1000);
    EXPECT_TRUE(life.take_actions().kill_all);
    EXPECT_EQ(life.state().cause, Cause::kDeadline);
  }
}

TEST(Life, a_deadline_moves_only_forward_and_for_its_lease) {
  Life life(exclusive(1000, 7));
  life.on_started(1);
  const auto extend = [&](Ask what, std::uint64_t lease, std::uint64_t to, Nanoseconds now) {
    return life.on_request({.ask = what, .lease = lease, .deadline = to}, now);
  };
  EXPECT_EQ(extend(Ask::kExtend, 8, 5000, 10), Verdict::kOtherLease);
  EXPECT_EQ(life.state().deadline, 1000u);
  EXPECT_EQ(extend(Ask::kExtend, 7, 2000, 10), Verdict::kDone);
  EXPECT_EQ(extend(Ask::kExtend, 7, 1500, 10), Verdict::kDone);
  EXPECT_EQ(life.state().deadline, 2000u);
  // The agent was restarted: its new lease means nothing until it is bound.
  EXPECT_EQ(extend(Ask::kBind, 8, 1800, 20), Verdict::kDone);
  EXPECT_EQ(life.state().deadline, 2000u);
  EXPECT_EQ(extend(Ask::kExtend, 7, 9000, 20), Verdict::kOtherLease);
  EXPECT_EQ(extend(Ask::kExtend, 8, 3000, 20), Verdict::kDone);
  // What comes too late changes nothing, also if the timer has not fired yet.
  EXPECT_EQ(extend(Ask::kExtend, 8, 9000, 3000), Verdict::kTooLate);
  EXPECT_TRUE(life.take_actions().kill_all);
}

TEST(Life, an_instance_that_is_not_exclusive_has_no_deadline) {
  Life life({});
  life.on_started(1);
  EXPECT_EQ(life.on_request(ask(Ask::kExtend), 2), Verdict::kNotExclusive);
  life.on_time(kNever - 1);
  EXPECT_FALSE(life.take_actions().kill_all);
}

TEST(Life, the_shim_stays_until_the_end_is_known_or_durable_and_long_ago) {
  const auto ended = [](bool agent, int record_error) {
    Life life({});
    life.on_agent(agent, 1);
    life.on_started(2);
    life.on_main_ended(3, Exit::kExited, 0, false);
    life.on_gone(4);
    life.on_recorded(5, record_error);
    life.take_actions();
    return life;
  };
  {
    Life life = ended(true, 0);
    life.on_time(100 * kLingerDefault);
    EXPECT_FALSE(life.take_actions().leave);
    EXPECT_EQ(life.on_request(ask(Ask::kForget), 200 * kLingerDefault), Verdict::kDone);
    EXPECT_TRUE(life.take_actions().leave);
  }
  {
    Life life = ended(true, 0);
    life.on_agent(false, 10);
    EXPECT_EQ(life.wake_at(), 10 + kLingerDefault);
    life.on_time(10 + kLingerDefault);
    EXPECT_TRUE(life.take_actions().leave);
  }
  {
    Life life = ended(false, 28);  // the disk did not take it
    life.on_time(100 * kLingerDefault);
    EXPECT_FALSE(life.take_actions().leave);
  }
}

TEST(Life, forget_means_nothing_while_it_runs) {
  Life life({});
  life.on_started(1);
  EXPECT_EQ(life.on_request(ask(Ask::kForget), 2), Verdict::kNotEnded);
}

TEST(Life, a_start_that_failed_is_an_end_with_its_reason) {
  Life life({});
  life.on_start_failed(5, Step::kExec, 2, "/bin/nothing");
  EXPECT_EQ(life.state().phase, Phase::kEnded);
  EXPECT_EQ(life.state().exit, Exit::kNeverRan);
  EXPECT_EQ(life.state().failed_step, Step::kExec);
  EXPECT_EQ(life.state().failed_what.view(), "/bin/nothing");
  EXPECT_TRUE(life.take_actions().record);
}

// Whatever comes in whatever order: phases only rise, an exclusive one never runs behind its
// deadline, and every life can end.
TEST(Life, random_walks_keep_the_promises) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    Random random(seed);
    const bool is_exclusive = random.below(2) == 0;
    Life life(is_exclusive ? exclusive(static_cast<Nanoseconds>(random.below(2000) + 1)) : Spec{});
    Nanoseconds now = 0;
    bool started = false;
    Phase last = Phase::kStarting;
    for (int step = 0; step < 60; ++step) {
      now += static_cast<Nanoseconds>(random.below(100));
      if (life.wake_at() <= now) life.on_time(now);
      switch (random.below(8)) {
        case 0:
          if (!started) life.on_started(now), started = true;
          break;
        case 1:
          if (started && random.below(4) == 0) life.on_main_ended(now, Exit::kExited, 1, false);
          break;
        case 2:
          life.on_gone(now);
          break;
        case 3:
          life.on_agent(random.below(2) == 0, now);
          break;
        default:
          life.on_request({.ask = static_cast<Ask>(random.below(9)),
                           .signal = random.below(70),
                           .grace = random.below(500),
                           .lease = random.below(2),
                           .deadline = random.below(4000)},
                          now);
      }
      life.take_actions();
      ASSERT_GE(life.state().phase, last) << "seed " << seed;
      last = life.state().phase;
      if (is_exclusive && now > static_cast<Nanoseconds>(life.state().deadline)) {
        life.on_time(now);
        ASSERT_GE(life.state().phase, Phase::kKilling) << "seed " << seed;
      }
      ASSERT_TRUE(life.state().phase != Phase::kEnded || life.state().exit != Exit::kNone)
          << "seed " << seed;
    }
    if (life.state().phase == Phase::kEnded) continue;
    if (!started) life.on_started(now);
    life.on_request(ask(Ask::kKill), now);
    life.on_main_ended(now, Exit::kKilled, 9, false);
    life.on_gone(now + 1);
    ASSERT_EQ(life.state().phase, Phase::kEnded) << "seed " << seed;
  }
}

}  // namespace
}  // namespace polis::shim
