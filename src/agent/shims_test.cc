// Real shims with real processes: what an agent may rely on.

#include "agent/shims.hh"

#include <sys/wait.h>

#include "agent/testing/shim_bench.hh"

namespace polis::agent {
namespace {

using shim::Cause;
using shim::Exit;
using shim::Phase;

// Runs until a signal ends it with this status.
std::string until_term(int status) {
  return "trap 'exit " + std::to_string(status) +
         "' TERM; echo ready; while :; do sleep 1000 & wait $!; done";
}
// SIGTERM means nothing to it.
const std::string kStubborn = "trap '' TERM; echo ready; while :; do sleep 1000 & wait $!; done";

TEST(Shims, an_instance_runs_and_its_end_is_told_and_recorded) {
  ShimBench bench;
  const std::string instance = bench.make_directory("a");
  auto link = bench.start(instance, bench.shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(link) << link.error().text;
  ASSERT_TRUE(bench.until_ended(**link));
  const shim::State& state = (*link)->state();
  EXPECT_EQ(state.exit, Exit::kExited);
  EXPECT_EQ(how_it_ended(state), "exited with status 3");
  EXPECT_EQ(state.cause, Cause::kItself);
  EXPECT_EQ(state.output_bytes, 8u);
  ASSERT_TRUE(bench.run_until([&] { return state.recorded == 1; }));
  EXPECT_TRUE(bench.ask([&](auto done) { (*link)->forget(done); }));
  ASSERT_TRUE(bench.until_left(instance));
  EXPECT_EQ(bench.log(), "out\nerr\n");
  const auto found = look(instance);
  ASSERT_TRUE(found && found->record);
  EXPECT_EQ(found->record->state.exit_number, 3u);
  EXPECT_EQ(found->record->state.recorded, 1u);
  EXPECT_TRUE(found->this_boot);
  EXPECT_FALSE(found->abandoned());
  EXPECT_EQ(bench.adopt(instance).error().code, ErrorCode::kNotFound);
}

TEST(Shims, an_instance_does_not_notice_that_its_agent_is_killed) {
  ShimBench bench;
  const std::string instance = bench.make_directory("a");
  const InstanceSpec spec = bench.shell(until_term(42));
  const pid_t agent = ::fork();
  if (agent == 0) {
    ShimBench other(bench.path());
    auto link = other.start(instance, spec);
    if (!link) ::_exit(1);
    other.run_until([] { return false; }, 1h);
  }
  // Its output is there: it has set its trap.
  ASSERT_TRUE(bench.run_until([&] { return bench.log() == "ready\n"; }));
  const auto before = look(instance);
  ASSERT_TRUE(before && before->served && before->record);
  ASSERT_EQ(::kill(agent, SIGKILL), 0);
  ::waitpid(agent, nullptr, 0);
  auto link = bench.adopt(instance);
  ASSERT_TRUE(link) << link.error().text;
  EXPECT_EQ((*link)->state().phase, Phase::kRunning);
  EXPECT_EQ((*link)->state().pid, before->record->state.pid);
  EXPECT_EQ((*link)->state().pid_started, before->record->state.pid_started);
  EXPECT_TRUE(ShimBench::is_there(static_cast<pid_t>((*link)->state().pid)));
  // Exit status after the adoption.
  EXPECT_TRUE(bench.ask([&](auto done) { (*link)->stop(0, 10s, done); }));
  ASSERT_TRUE(bench.until_ended(**link));
  EXPECT_EQ(how_it_ended((*link)->state()), "exited with status 42");
  EXPECT_EQ((*link)->state().cause, Cause::kStop);
}

TEST(Shims, an_end_that_no_agent_saw_waits_for_the_next_one) {
  ShimBench bench;
  const std::string instance = bench.make_directory("a");
  auto link = bench.start(instance, bench.shell(until_term(7)));
  ASSERT_TRUE(link && bench.run_until([&] { return bench.log() == "ready\n"; }));
  const auto pid = static_cast<pid_t>((*link)->state().pid);
  link->reset();
  ::kill(pid, SIGTERM);
  ASSERT_TRUE(bench.run_until([&] { return !ShimBench::is_there(pid); }));
  auto again = bench.adopt(instance);
  ASSERT_TRUE(again) << again.error().text;
  ASSERT_TRUE(bench.until_ended(**again));
  EXPECT_EQ((*again)->state().exit_number, 7u);
  EXPECT_EQ((*again)->state().cause, Cause::kItself);
}

TEST(Shims, a_shim_that_nobody_needs_any_more_leaves_a_durable_record) {
  ShimBench bench;
  const std::string instance = bench.make_directory("a");
  InstanceSpec spec = bench.shell(until_term(5));
  spec.linger = 1ms;
  auto link = bench.start(instance, spec);
  ASSERT_TRUE(link && bench.run_until([&] { return bench.log() == "ready\n"; }));
  const auto pid = static_cast<pid_t>((*link)->state().pid);
  link->reset();
  ::kill(pid, SIGTERM);
  ASSERT_TRUE(bench.until_left(instance));
  const auto found = look(instance);
  ASSERT_TRUE(found && found->record);
  EXPECT_EQ(how_it_ended(found->record->state), "exited with status 5");
  EXPECT_EQ(found->record->state.phase, Phase::kEnded);
}

TEST(Shims, who_ignores_term_is_killed_behind_its_grace) {
  ShimBench bench;
  auto link = bench.start(bench.make_directory("a"), bench.shell(kStubborn));
  ASSERT_TRUE(link && bench.run_until([&] { return bench.log() == "ready\n"; }));
  const Instant asked = bench.reactor().now();
  EXPECT_TRUE(bench.ask([&](auto done) { (*link)->stop(SIGTERM, 200ms, done); }));
  ASSERT_TRUE(bench.until_ended(**link));
  const Duration took = bench.reactor().now() - asked;
  EXPECT_EQ(how_it_ended((*link)->state()), "killed by SIGKILL");
  EXPECT_EQ((*link)->state().cause, Cause::kStop);
  EXPECT_GE(took, 200ms);
  EXPECT_LT(took, 2s);
}

TEST(Shims, a_stop_command_is_run_instead_of_the_signal) {
  ShimBench bench;
  InstanceSpec spec = bench.shell(
      "trap 'exit 9' USR1; echo ready; "
      "while :; do sleep 1000 & wait $!; done");
  spec.stop_command = {"/bin/sh", "-c", "echo stop; kill -USR1 $MAINPID"};
  auto link = bench.start(bench.make_directory("a"), spec);
  ASSERT_TRUE(link && bench.run_until([&] { return bench.log() == "ready\n"; }));
  EXPECT_TRUE(bench.ask([&](auto done) { (*link)->stop(0, 10s, done); }));
  ASSERT_TRUE(bench.until_ended(**link));
  EXPECT_EQ(how_it_ended((*link)->state()), "exited with status 9");
  EXPECT_TRUE(bench.run_until([&] { return bench.log() == "ready\nstop\n"; }));
}

TEST(Shims, double_forked_daemons_end_with_their_instance_without_a_control_group) {
  ShimBench bench;
  const std::string instance = bench.make_directory("a");
  const std::string pids = instance + "/pids";
  auto link = bench.start(
      instance,
      bench.shell(": >" + pids +
                  "; for i in 1 2 3; do (setsid sh -c \"trap '' TERM HUP; echo \\$\\$ >>" + pids +
                  "; sleep 1000; :\" &); done; while [ $(wc -l <" + pids +
                  ") -lt 3 ]; do :; done; exit 0"));
  ASSERT_TRUE(link) << link.error().text;
  ASSERT_TRUE(bench.until_ended(**link));
  EXPECT_EQ((*link)->state().group_kill, 0u);
  EXPECT_EQ((*link)->state().exit_number, 0u);
  std::ifstream in(pids);
  int found = 0;
  for (pid_t pid; in >> pid; ++found) EXPECT_FALSE(ShimBench::is_there(pid)) << pid;
  EXPECT_EQ(found, 3);
}

// One process at a time, which is another one at every moment.
TEST(Shims, a_process_that_flees_by_forking_is_caught) {
  ShimBench bench;
  auto link = bench.start(bench.make_directory("a"),
                          bench.shell("f() { trap '' TERM; f & }; echo ready; f; sleep 1000"));
  ASSERT_TRUE(link && bench.run_until([&] { return bench.log() == "ready\n"; }));
  EXPECT_TRUE(bench.ask([&](auto done) { (*link)->kill(done); }));
  ASSERT_TRUE(bench.until_ended(**link));
  EXPECT_EQ((*link)->state().remaining, 0u);
  EXPECT_LT(Duration((*link)->state().kill_took), 5s);
}

TEST(Shims, an_exclusive_instance_is_killed_when_its_deadline_passes) {
  ShimBench bench;
  InstanceSpec spec = bench.shell(kStubborn);
  spec.exclusive = Exclusive{7, bench.reactor().now() + 500ms};
  auto link = bench.start(bench.make_directory("a"), spec);
  ASSERT_TRUE(link) << link.error().text;
  ASSERT_TRUE(bench.until_running(**link));
  const Instant later = bench.reactor().now() + 800ms;
  EXPECT_EQ(bench.ask([&](auto done) { (*link)->extend(8, later + 1h, done); }).error().code,
            ErrorCode::kInvalid);
  EXPECT_TRUE(bench.ask([&](auto done) { (*link)->extend(7, later, done); }));
  ASSERT_TRUE(bench.until_ended(**link));
  const shim::State& state = (*link)->state();
  EXPECT_EQ(state.cause, Cause::kDeadline);
  EXPECT_EQ(state.deadline, static_cast<std::uint64_t>(later.time_since_epoch().count()));
  const Duration late(state.ended_at - state.deadline);
  std::printf("deadline: all gone %.1f ms behind it, of these the kill %.1f ms\n",
              static_cast<double>(late.count()) / 1e6, static_cast<double>(state.kill_took) / 1e6);
  EXPECT_GE(state.ended_at, state.deadline);
  EXPECT_LT(late, 1s);
}

TEST(Shims, nothing_is_started_behind_its_deadline) {
  ShimBench bench;
  InstanceSpec spec = bench.shell("echo ran");
  spec.exclusive = Exclusive{7, bench.reactor().now() - 1ms};
  auto link = bench.start(bench.make_directory("a"), spec);
  ASSERT_TRUE(link) << link.error().text;
  EXPECT_EQ((*link)->state().exit, Exit::kNeverRan);
  EXPECT_NE(start_failure((*link)->state()).find("deadline had passed"), std::string::npos);
  EXPECT_EQ(bench.log(), "");
}

TEST(Shims, a_second_shim_of_a_directory_is_refused) {
  ShimBench bench;
  const std::string instance = bench.make_directory("a");
  auto first = bench.start(instance, bench.shell(until_term(0)));
  ASSERT_TRUE(first && bench.until_running(**first));
  const auto pid = (*first)->state().pid;
  first->reset();
  const auto second = bench.start(instance, bench.shell("echo second"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kExists) << second.error().text;
  // Also by the shim itself, whoever starts it.
  io::SystemProcesses processes(bench.reactor());
  auto placed = io::PlacedProgram::place(bench.path(), "polis-shim", embedded_shim());
  std::optional<io::Ended> ended;
  auto process =
      processes.start({.words = {placed->path(), instance}, .output = instance + "/said"},
                      [&](const io::Ended& how) { ended = how; });
  ASSERT_TRUE(bench.run_until([&] { return ended.has_value(); }));
  EXPECT_EQ(*ended, (io::Ended{io::Ended::How::kExited, 65}));
  EXPECT_EQ(io::read_file(instance + "/said").value_or(""),
            "polis-shim: another shim serves " + instance + "\n");
  EXPECT_EQ(bench.log(), "");
  auto again = bench.adopt(instance);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ((*again)->state().pid, pid);
}

TEST(Shims, a_second_agent_is_refused_and_told_who_the_first_is) {
  ShimBench bench;
  const std::string instance = bench.make_directory("a");
  auto first = bench.start(instance, bench.shell(until_term(0)));
  ASSERT_TRUE(first);
  const auto second = bench.adopt(instance);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(second.error().text.find("process " + std::to_string(::getpid())), std::string::npos)
      << second.error().text;
  EXPECT_TRUE(bench.ask([&](auto done) { (*first)->refresh(done); }));
}

TEST(Shims, terminating_the_shim_stops_its_instance) {
  ShimBench bench;
  auto link = bench.start(bench.make_directory("a"), bench.shell(until_term(6)));
  ASSERT_TRUE(link && bench.run_until([&] { return bench.log() == "ready\n"; }));
  ::kill(static_cast<pid_t>((*link)->state().shim_pid), SIGTERM);
  ASSERT_TRUE(bench.until_ended(**link));
  EXPECT_EQ((*link)->state().cause, Cause::kSignal);
  EXPECT_EQ((*link)->state().exit_number, 6u);
}

TEST(Shims, what_is_left_of_a_killed_shim_is_found_and_an_exclusive_one_leaves_nothing) {
  for (const bool exclusive : {false, true}) {
    ShimBench bench;
    const std::string instance = bench.make_directory("a");
    InstanceSpec spec = bench.shell(until_term(0));
    if (exclusive) spec.exclusive = Exclusive{1, bench.reactor().now() + 1h};
    auto link = bench.start(instance, spec);
    ASSERT_TRUE(link && bench.run_until([&] { return bench.log() == "ready\n"; }));
    bool lost = false;
    (*link)->watch({.changed = nullptr, .lost = [&](const Error&) { lost = true; }});
    const auto pid = static_cast<pid_t>((*link)->state().pid);
    ::kill(static_cast<pid_t>((*link)->state().shim_pid), SIGKILL);
    ASSERT_TRUE(bench.run_until([&] { return lost; }));
    ASSERT_TRUE(bench.until_left(instance));
    const auto found = look(instance);
    ASSERT_TRUE(found && found->record);
    EXPECT_TRUE(found->abandoned());
    EXPECT_EQ(found->record->state.pid, static_cast<std::uint64_t>(pid));
    if (exclusive) {
      EXPECT_TRUE(bench.run_until([&] { return !ShimBench::is_there(pid); }));
    } else {
      EXPECT_TRUE(ShimBench::is_there(pid));
    }
    ::kill(-pid, SIGKILL);  // as an agent has to: what it left, too, has nobody
    EXPECT_EQ(bench.adopt(instance).error().code, ErrorCode::kNotFound);
  }
}

TEST(Shims, a_directory_with_a_long_path_serves_as_well) {
  ShimBench bench;
  const std::string instance =
      bench.make_directory(std::string(120, 'x') + "/" + std::string(120, 'y'));
  InstanceSpec spec = bench.shell("echo $NOTIFY_SOCKET; " + until_term(0));
  spec.notify = shim::NotifyFrom::kAll;
  auto link = bench.start(instance, spec);
  ASSERT_TRUE(link) << link.error().text;
  ASSERT_TRUE(bench.run_until([&] { return bench.log().ends_with("ready\n"); }));
  EXPECT_TRUE(bench.log().starts_with("@")) << bench.log();
  EXPECT_TRUE(bench.ask([&](auto done) { (*link)->refresh(done); }));
}

}  // namespace
}  // namespace polis::agent
