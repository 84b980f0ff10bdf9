#include "agent/instance.hh"

#include <gtest/gtest.h>

#include "base/random.hh"

namespace polis::agent {
namespace {

using namespace std::chrono_literals;

class InstanceTest : public ::testing::Test {
 protected:
  InstanceTest() { options_.checked = true; }
  void want(const std::string& digest) { instance_.want(now_, {digest}, options_); }
  void pass(Duration time) {
    now_ += time;
    instance_.on_time(now_);
  }
  std::optional<Step> next() { return instance_.next(now_); }
  void run(const std::string& digest) {
    want(digest);
    ASSERT_EQ(next(), Step::kStart);
    instance_.on_started(now_);
  }
  void check(bool passed) { instance_.on_check(now_, {passed, passed ? "" : "refused"}); }
  void end(const std::string& how = "exit status 1") { instance_.on_ended(now_, true, how); }

  InstanceOptions options_;
  Instant now_ = Instant(1h);
  Instance instance_{InstanceOptions()};
};

TEST_F(InstanceTest, it_serves_once_a_check_has_passed) {
  EXPECT_EQ(next(), std::nullopt);
  run("v1");
  EXPECT_EQ(next(), std::nullopt);
  EXPECT_EQ(instance_.phase(), Phase::kRunning);
  EXPECT_FALSE(instance_.serves());
  check(true);
  EXPECT_TRUE(instance_.serves());
}

TEST_F(InstanceTest, without_a_check_it_is_healthy_while_it_runs) {
  options_.checked = false;
  run("v1");
  EXPECT_TRUE(instance_.serves());
}

TEST_F(InstanceTest, one_that_says_when_it_is_ready_has_not_started_before) {
  options_.says_ready = true;
  options_.checked = false;
  run("v1");
  EXPECT_EQ(instance_.phase(), Phase::kStarting);
  EXPECT_EQ(instance_.wakes(), now_ + options_.ready_timeout);
  instance_.on_ready(now_);
  EXPECT_TRUE(instance_.serves());
}

TEST_F(InstanceTest, readiness_that_comes_before_the_start_is_known_counts) {
  options_.says_ready = true;
  options_.checked = false;
  want("v1");
  ASSERT_EQ(next(), Step::kStart);
  instance_.on_ready(now_);
  EXPECT_EQ(instance_.phase(), Phase::kStarting);
  instance_.on_started(now_);
  EXPECT_TRUE(instance_.serves());
}

TEST_F(InstanceTest, one_that_is_never_ready_is_ended_and_waits_longer_each_time) {
  options_.says_ready = true;
  run("v1");
  Duration waited{};
  for (int i = 0; i < 3; ++i) {
    pass(options_.ready_timeout);
    EXPECT_EQ(next(), Step::kStop);
    end("signal 15");
    EXPECT_EQ(instance_.why(), "it has not said that it is ready in time");
    const Duration wait = *instance_.wakes() - now_;
    EXPECT_TRUE(i == 0 ? wait == 0s : wait > waited);
    waited = wait;
    pass(wait);
    EXPECT_EQ(next(), Step::kStart);
    instance_.on_started(now_);
  }
}

TEST_F(InstanceTest, a_killed_process_is_back_at_once) {
  run("v1");
  check(true);
  now_ += 1min;
  end("signal 9");
  EXPECT_EQ(instance_.phase(), Phase::kWaiting);
  EXPECT_EQ(instance_.wakes(), now_);
  pass(0s);
  EXPECT_EQ(next(), Step::kStart);
  EXPECT_EQ(instance_.restarts(), 1);
  EXPECT_FALSE(instance_.serves());
}

TEST_F(InstanceTest, a_crash_loop_is_tried_at_the_longest_wait_and_said) {
  run("v1");
  for (int i = 0; i < options_.restart.loop_ends; ++i) {
    end("exit status 3");
    EXPECT_EQ(instance_.crash_loop(now_), i == options_.restart.loop_ends - 1);
    if (i == options_.restart.loop_ends - 1) break;
    pass(*instance_.wakes() - now_);
    ASSERT_EQ(next(), Step::kStart);
    instance_.on_started(now_);
  }
  EXPECT_EQ(*instance_.wakes() - now_, options_.restart.backoff_max);
  EXPECT_EQ(instance_.why(),
            "exit status 3; it has ended 5 times in a row and is tried every 30 s");
  want("v2");  // says nothing about another version
  EXPECT_EQ(next(), Step::kStart);
  EXPECT_FALSE(instance_.crash_loop(now_));
}

TEST_F(InstanceTest, the_policy_decides_whether_it_starts_again) {
  options_.restart.when = RestartOptions::When::kOnFailure;
  run("v1");
  instance_.on_ended(now_, false, "exit status 0");
  EXPECT_EQ(instance_.phase(), Phase::kEnded);
  EXPECT_EQ(instance_.wakes(), std::nullopt);
  EXPECT_EQ(next(), std::nullopt);
  instance_.restart(now_, "asked by ann");
  EXPECT_EQ(next(), Step::kStart);
  instance_.on_started(now_);
  end("exit status 1");
  EXPECT_EQ(instance_.phase(), Phase::kWaiting);
}

TEST_F(InstanceTest, it_is_withdrawn_before_it_is_stopped_and_killed_when_it_does_not_stop) {
  run("v1");
  check(true);
  instance_.want_nothing(now_, "deleted by ann");
  EXPECT_FALSE(instance_.serves());
  EXPECT_EQ(next(), Step::kWithdraw);
  EXPECT_EQ(next(), std::nullopt);
  instance_.on_withdrawn(now_);
  EXPECT_EQ(next(), Step::kStop);
  pass(options_.stop_grace);
  EXPECT_EQ(next(), Step::kKill);
  pass(options_.kill_again_after);
  EXPECT_EQ(next(), Step::kKill);
  end("signal 9");
  EXPECT_EQ(instance_.phase(), Phase::kStopped);
  EXPECT_EQ(instance_.why(), "deleted by ann");
  EXPECT_EQ(next(), std::nullopt);
  EXPECT_EQ(instance_.wakes(), std::nullopt);
}

TEST_F(InstanceTest, withdrawing_takes_no_longer_than_its_bound) {
  run("v1");
  instance_.want_nothing(now_, "");
  EXPECT_EQ(next(), Step::kWithdraw);
  pass(options_.withdraw_max);
  EXPECT_EQ(next(), Step::kStop);
  instance_.on_stop_failed(now_, "no such command");
  EXPECT_EQ(next(), Step::kKill);
}

TEST_F(InstanceTest, another_version_takes_the_place_of_the_running_one) {
  run("v1");
  want("v2");
  EXPECT_EQ(next(), Step::kWithdraw);
  instance_.on_withdrawn(now_);
  EXPECT_EQ(next(), Step::kStop);
  EXPECT_EQ(instance_.running().digest, "v1");
  instance_.on_ended(now_, false, "exit status 0");
  EXPECT_EQ(next(), Step::kStart);
  EXPECT_EQ(instance_.running().digest, "v2");
  EXPECT_EQ(instance_.restarts(), 0);
}

TEST_F(InstanceTest, a_start_that_failed_is_tried_again_later) {
  want("v1");
  ASSERT_EQ(next(), Step::kStart);
  instance_.on_start_failed(now_, "no such command");
  EXPECT_EQ(instance_.phase(), Phase::kWaiting);
  EXPECT_EQ(instance_.why(), "no such command");
}

TEST_F(InstanceTest, one_that_stays_unhealthy_is_started_anew_if_that_is_wanted) {
  options_.unhealthy_restart_after = 20s;
  run("v1");
  check(true);
  for (int i = 0; i < options_.health.unhealthy_after; ++i) check(false);
  EXPECT_EQ(instance_.health(), Health::kUnhealthy);
  EXPECT_EQ(instance_.why(), "refused");
  EXPECT_EQ(instance_.wakes(), now_ + 20s);
  pass(20s);
  EXPECT_EQ(next(), Step::kWithdraw);
}

TEST_F(InstanceTest, what_ran_already_is_adopted_and_not_started) {
  want("v1");
  instance_.on_adopted(now_, {"v1"}, now_ - 1h);
  EXPECT_EQ(next(), std::nullopt);
  check(true);
  EXPECT_TRUE(instance_.serves());
}

TEST_F(InstanceTest, an_old_version_that_ran_already_is_replaced) {
  want("v2");
  instance_.on_adopted(now_, {"v1"}, now_ - 1h);
  EXPECT_EQ(next(), Step::kWithdraw);
}

TEST(HealthStateTest, results_in_a_row_decide) {
  HealthState state({.healthy_after = 2, .unhealthy_after = 2, .start_period = 10s});
  Instant now(1h);
  state.on_start(now);
  EXPECT_FALSE(state.on_result(now, {false, "not yet"}));  // while it starts
  EXPECT_FALSE(state.on_result(now, {true, ""}));
  EXPECT_TRUE(state.on_result(now, {true, ""}));
  EXPECT_FALSE(state.on_result(now, {false, "once"}));
  EXPECT_FALSE(state.on_result(now, {true, ""}));
  EXPECT_FALSE(state.on_result(now, {false, "one"}));
  EXPECT_TRUE(state.on_result(now, {false, "two"}));
  EXPECT_EQ(state.reason(), "two");
}

TEST(HealthStateTest, one_that_never_answers_is_unhealthy_when_its_time_to_start_is_over) {
  HealthState state({.start_period = 10s});
  Instant now(1h);
  state.on_start(now);
  EXPECT_EQ(state.wakes(), now + 10s);
  EXPECT_FALSE(state.on_time(now + 9s));
  EXPECT_TRUE(state.on_time(now + 10s));
  EXPECT_EQ(state.health(), Health::kUnhealthy);
  EXPECT_EQ(state.wakes(), std::nullopt);
}

// Whatever happens in whatever order: one process at a time, no step for a process that is not
// there, and what is wanted runs in the end.
TEST(InstanceWalk, any_order_of_events_ends_with_what_is_wanted) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Instant now(1h);
    InstanceOptions options;
    options.checked = random.below(2) == 0;
    options.says_ready = random.below(3) == 0;
    if (random.below(3) == 0) options.unhealthy_restart_after = 5s;
    Instance instance(options);
    std::string process, wanted;
    auto take_steps = [&] {
      for (int i = 0; i < 10; ++i) {
        auto step = instance.next(now);
        if (!step) return;
        if (*step == Step::kStart) {
          ASSERT_EQ(process, "");
          process = instance.running().digest;
          ASSERT_EQ(process, wanted);
        } else {
          ASSERT_NE(process, "") << to_string(*step);
          if (*step == Step::kKill) {
            process.clear();
            instance.on_ended(now, true, "killed");
          }
        }
      }
    };
    for (int i = 0; i < 60; ++i) {
      now += std::chrono::milliseconds(random.below(random.below(4) == 0 ? 40'000 : 300));
      switch (random.below(10)) {
        case 0:
          wanted = "v" + std::to_string(random.below(3));
          instance.want(now, {wanted}, options);
          break;
        case 1:
          if (random.below(3) != 0) break;
          wanted.clear();
          instance.want_nothing(now, "not wanted");
          break;
        case 2:
          if (!process.empty()) instance.on_started(now);
          break;
        case 3:
          if (!process.empty()) instance.on_ready(now);
          break;
        case 4:
          instance.on_check(now, {random.below(2) == 0, "failed"});
          break;
        case 5:
          if (process.empty()) break;
          process.clear();
          instance.on_ended(now, random.below(2) == 0, "ended");
          break;
        case 6:
          instance.on_withdrawn(now);
          break;
        case 7:
          if (instance.phase() == Phase::kStopping) instance.on_stop_failed(now, "cannot");
          break;
        case 8:
          if (random.below(4) == 0) instance.restart(now, "asked");
          break;
        default:
          break;
      }
      instance.on_time(now);
      take_steps();
      ASSERT_EQ(instance.running().digest, process);
      if (instance.serves()) {
        ASSERT_NE(process, "");
      }
    }
    // Now everything works: it runs what is wanted, within bounded time, driven by wakes() alone.
    for (int i = 0; i < 60; ++i) {
      take_steps();
      if (!process.empty()) {
        instance.on_started(now);
        instance.on_ready(now);
        if (instance.phase() == Phase::kStopping) {
          process.clear();
          instance.on_ended(now, false, "exit status 0");
          continue;
        }
        for (int n = 0; n < 3; ++n) instance.on_check(now, {true, ""});
      }
      instance.on_withdrawn(now);
      if (instance.serves() && process == wanted) break;
      if (auto at = instance.wakes()) now = std::max(now, *at);
      instance.on_time(now);
    }
    ASSERT_EQ(process, wanted) << instance.why();
    ASSERT_EQ(instance.serves(), !wanted.empty()) << to_string(instance.phase());
  }
}

}  // namespace
}  // namespace polis::agent
