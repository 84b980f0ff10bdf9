// What io::Processes promises, asked of the system's processes and of simulated ones: the same
// tests run on both.

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "io/posix_disk.hh"
#include "io/reactor.hh"
#include "io/system_processes.hh"
#include "io/testing/run_until.hh"
#include "io/testing/temporary_directory.hh"
#include "sim/processes.hh"

namespace polis::sim {
namespace {

using namespace std::chrono_literals;
using io::Command;
using io::Ended;

// A machine on which these programs are installed:
//   status N     ends with exit status N
//   wait         runs until a signal ends it
//   stubborn     as `wait`, and SIGTERM does not end it: the second one makes it exit with 7
class Place {
 public:
  virtual ~Place() = default;
  virtual io::Processes& processes() = 0;
  virtual Command command(std::vector<std::string> words) = 0;
  // As a new life of the process that looks after others.
  virtual std::unique_ptr<io::Processes> another_life() = 0;
  // Runs until it holds. False: it did not within `limit`.
  virtual bool run_until(const std::function<bool()>& holds, Duration limit = 20s) = 0;
  // Until a `stubborn` one can be asked to stop.
  virtual void settle(const Command& command) = 0;
};

class RealPlace final : public Place {
 public:
  io::Processes& processes() override { return processes_; }
  Command command(std::vector<std::string> words) override {
    static const std::map<std::string, std::string> scripts = {
        {"status", "exit \"$1\""},
        {"wait", "exec sleep 1000"},
        {"stubborn",
         "n=0; trap 'n=$((n+1)); [ $n -lt 2 ] || exit 7' TERM; echo ready; "
         "while :; do sleep 1000 & wait $!; done"}};
    auto script = scripts.find(words.front());
    if (script == scripts.end()) return {.words = {"/nowhere/" + words.front()}};
    std::vector<std::string> all{"/bin/sh", "-c", script->second};
    all.insert(all.end(), words.begin(), words.end());
    const std::string output = directory_.path() + "/" + std::to_string(++outputs_);
    return {.words = all, .output = output};
  }
  std::unique_ptr<io::Processes> another_life() override {
    return std::make_unique<io::SystemProcesses>(reactor_);
  }
  bool run_until(const std::function<bool()>& holds, Duration limit) override {
    return io::run_until(reactor_, holds, limit);
  }
  void settle(const Command& command) override {
    EXPECT_TRUE(
        run_until([&] { return io::read_file(command.output).value_or("") == "ready\n"; }, 20s));
  }

 private:
  io::TemporaryDirectory directory_;
  int outputs_ = 0;
  io::Reactor reactor_;
  io::SystemProcesses processes_{reactor_};
};

struct Waiting final : Program {};

struct Stubborn final : Program {
  explicit Stubborn(OwnProcess& self) : self(self) {}
  bool on_signal(int number) override {
    if (number == SIGTERM && ++asked == 2) self.exit(7);
    return number == SIGTERM;
  }
  OwnProcess& self;
  int asked = 0;
};

class SimulatedPlace final : public Place {
 public:
  explicit SimulatedPlace(std::uint64_t seed) : world_(seed) {
    table_.install("/status", [](const Command& command, OwnProcess& self) {
      self.exit(std::stoi(command.words.at(1)));
      return std::make_unique<Waiting>();
    });
    table_.install("/wait",
                   [](const Command&, OwnProcess&) { return std::make_unique<Waiting>(); });
    table_.install("/stubborn", [](const Command&, OwnProcess& self) {
      return std::make_unique<Stubborn>(self);
    });
  }
  io::Processes& processes() override { return processes_; }
  Command command(std::vector<std::string> words) override {
    words.front().insert(0, "/");
    return {.words = words};
  }
  std::unique_ptr<io::Processes> another_life() override {
    return std::make_unique<SimulatedProcesses>(machine_, table_);
  }
  bool run_until(const std::function<bool()>& holds, Duration limit) override {
    const Instant end = world_.now() + limit;
    while (!holds()) {
      if (!world_.step(end)) return holds();
    }
    return true;
  }
  void settle(const Command&) override {}

 private:
  World world_;
  Machine machine_{world_, 0};
  ProcessTable table_{world_, 0};
  SimulatedProcesses processes_{machine_, table_};
};

// 0: the system's processes; else the seed of simulated ones.
class ProcessesContract : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  ProcessesContract() {
    if (GetParam() == 0)
      place_ = std::make_unique<RealPlace>();
    else
      place_ = std::make_unique<SimulatedPlace>(GetParam());
  }

  io::Processes::OnEnd note() {
    return [this](const Ended& ended) { ends_.push_back(ended); };
  }
  std::unique_ptr<io::Process> start(std::vector<std::string> words) {
    command_ = place_->command(std::move(words));
    auto process = place_->processes().start(command_, note());
    EXPECT_TRUE(process) << process.error().text;
    EXPECT_TRUE(ends_.empty()) << "told from within start";
    return process ? std::move(*process) : nullptr;
  }
  bool ended() { return !ends_.empty(); }
  bool until(const std::function<bool()>& holds, Duration limit = 20s) {
    return place_->run_until(holds, limit);
  }
  void expect_end(Ended::How how, int number) {
    ASSERT_TRUE(until([&] { return ended(); }));
    EXPECT_EQ(ends_, (std::vector<Ended>{{how, number}}));
  }

  std::unique_ptr<Place> place_;
  Command command_;
  std::vector<Ended> ends_;
};

TEST_P(ProcessesContract, an_exit_status_is_told) {
  for (const int status : {0, 3, 255}) {
    ends_.clear();
    auto process = start({"status", std::to_string(status)});
    EXPECT_TRUE(process->running());
    EXPECT_GT(process->id().number, 0);
    expect_end(Ended::How::kExited, status);
    EXPECT_FALSE(process->running());
    EXPECT_EQ(process->signal(SIGTERM).error().code, ErrorCode::kNotFound);
  }
}

TEST_P(ProcessesContract, a_signal_that_kills_is_told) {
  for (const int number : {SIGTERM, SIGKILL, SIGHUP}) {
    ends_.clear();
    auto process = start({"wait"});
    ASSERT_TRUE(process->signal(number));
    expect_end(Ended::How::kKilled, number);
  }
}

TEST_P(ProcessesContract, a_program_decides_about_the_signals_that_it_handles) {
  auto process = start({"stubborn"});
  place_->settle(command_);
  ASSERT_TRUE(process->signal(SIGTERM));
  EXPECT_FALSE(until([&] { return ended(); }, 100ms));
  ASSERT_TRUE(process->signal(SIGTERM));
  expect_end(Ended::How::kExited, 7);
}

TEST_P(ProcessesContract, a_stopped_process_does_nothing_until_it_goes_on) {
  auto process = start({"stubborn"});
  place_->settle(command_);
  ASSERT_TRUE(process->signal(SIGSTOP));
  ASSERT_TRUE(process->signal(SIGTERM));
  EXPECT_FALSE(until([&] { return ended(); }, 100ms));
  EXPECT_TRUE(process->running());
  ASSERT_TRUE(process->signal(SIGCONT));
  EXPECT_FALSE(until([&] { return ended(); }, 100ms));  // the first SIGTERM
  ASSERT_TRUE(process->signal(SIGTERM));
  expect_end(Ended::How::kExited, 7);
}

TEST_P(ProcessesContract, a_stopped_process_can_be_killed) {
  auto process = start({"wait"});
  ASSERT_TRUE(process->signal(SIGSTOP));
  ASSERT_TRUE(process->signal(SIGKILL));
  expect_end(Ended::How::kKilled, SIGKILL);
}

TEST_P(ProcessesContract, nobody_is_told_of_a_process_that_was_let_go_and_it_runs_on) {
  auto process = start({"wait"});
  const io::ProcessId id = process->id();
  process.reset();
  auto other_life = place_->another_life();
  auto adopted = other_life->adopt(id, note());
  ASSERT_TRUE(adopted) << adopted.error().text;
  EXPECT_EQ((*adopted)->id(), id);
  EXPECT_TRUE((*adopted)->running());
  ASSERT_TRUE((*adopted)->signal(SIGKILL));
  ASSERT_TRUE(until([&] { return ended(); }));
  // Only the parent knows how, and the first object does not call any more.
  EXPECT_EQ(ends_, (std::vector<Ended>{{Ended::How::kUnknown, 0}}));
}

TEST_P(ProcessesContract, what_has_ended_or_is_another_process_is_not_adopted) {
  auto process = start({"wait"});
  io::ProcessId id = process->id();
  ++id.started;
  EXPECT_EQ(place_->processes().adopt(id, note()).error().code, ErrorCode::kNotFound);
  --id.started;
  ASSERT_TRUE(process->signal(SIGKILL));
  ASSERT_TRUE(until([&] { return ended(); }));
  EXPECT_EQ(place_->processes().adopt(id, note()).error().code, ErrorCode::kNotFound);
}

TEST_P(ProcessesContract, what_cannot_start_says_why) {
  auto missing = place_->processes().start(place_->command({"missing"}), note());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().text.find("missing"), std::string::npos);
  EXPECT_EQ(place_->processes().start({}, note()).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(place_->processes().start({.words = {"bin/sh"}}, note()).error().code,
            ErrorCode::kInvalid);
  Command relative = place_->command({"wait"});
  relative.output = "here";
  EXPECT_EQ(place_->processes().start(relative, note()).error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(until([&] { return ended(); }, 50ms));
}

TEST_P(ProcessesContract, an_end_can_be_handled_by_starting_the_next) {
  std::vector<std::unique_ptr<io::Process>> lives;
  std::vector<int> statuses;
  std::function<void(const Ended&)> again = [&](const Ended& ended) {
    statuses.push_back(ended.number);
    lives.back().reset();  // from within its own callback
    if (statuses.size() == 5) return;
    auto next = place_->processes().start(
        place_->command({"status", std::to_string(statuses.size())}), again);
    ASSERT_TRUE(next);
    lives.push_back(std::move(*next));
  };
  auto first = place_->processes().start(place_->command({"status", "0"}), again);
  ASSERT_TRUE(first);
  lives.push_back(std::move(*first));
  ASSERT_TRUE(until([&] { return statuses.size() == 5; }));
  EXPECT_EQ(statuses, (std::vector<int>{0, 1, 2, 3, 4}));
}

INSTANTIATE_TEST_SUITE_P(System, ProcessesContract, ::testing::Values(0));
INSTANTIATE_TEST_SUITE_P(Simulated, ProcessesContract, ::testing::Range<std::uint64_t>(1, 25));

// Of simulated ones alone: what becomes of them when others end.

TEST(SimulatedProcessesTest, they_outlive_who_started_them_and_not_their_machine) {
  World world(5);
  Machine agent(world, 0);
  ProcessTable table(world, 0);
  int lives = 0, told = 0;
  table.install("/wait", [&](const Command&, OwnProcess&) {
    ++lives;
    return std::make_unique<Waiting>();
  });
  auto first_life = std::make_unique<SimulatedProcesses>(agent, table);
  auto process = *first_life->start({.words = {"/wait"}}, [&](const Ended&) { ++told; });
  const io::ProcessId id = process->id();
  world.run_until(world.now() + 1s);
  agent.crash();
  process.reset();
  first_life = std::make_unique<SimulatedProcesses>(agent, table);
  EXPECT_EQ(table.running(), 1u);
  auto adopted = first_life->adopt(id, [&](const Ended&) { ++told; });
  ASSERT_TRUE(adopted);
  table.crash();
  world.run_until(world.now() + 1s);
  EXPECT_EQ(table.running(), 0u);
  EXPECT_EQ(lives, 1);
  EXPECT_EQ(told, 0);  // the agent is gone with the machine
  EXPECT_EQ(first_life->adopt(id, [](const Ended&) {}).error().code, ErrorCode::kNotFound);
}

// Of the system's alone: what a program finds.

class SystemProcessesTest : public ::testing::Test {
 protected:
  // What the shell says.
  std::string says(const std::string& script, Command command) {
    command.words = {"sh", "-c", script, "argument0", "one two"};
    command.output = directory_.path() + "/out";
    auto process = processes_.start(command, [&](const Ended&) { reactor_.stop(); });
    EXPECT_TRUE(process) << process.error().text;
    if (!process) return "";
    reactor_.run();
    return io::read_file(command.output).value_or("");
  }
  io::TemporaryDirectory directory_;
  io::Reactor reactor_;
  io::SystemProcesses processes_{reactor_};
};

TEST_F(SystemProcessesTest, a_program_gets_its_words_its_place_and_its_environment) {
  EXPECT_EQ(says("echo \"$1\"; pwd; cat; echo error >&2; echo \"$A-$HOME\"",
                 {.environment = {{"A=b", "PATH=/usr/bin:/bin"}}, .directory = "/"}),
            "one two\n/\nerror\nb-\n");
  EXPECT_EQ(says("echo again", {}), "one two\n/\nerror\nb-\nagain\n");  // appended
}

TEST_F(SystemProcessesTest, a_program_inherits_no_descriptor_no_ignored_signal_and_no_session) {
  ::signal(SIGPIPE, SIG_IGN);
  const int open = ::dup(1);  // without O_CLOEXEC
  // Signals 32 and 33 are glibc's own: its posix_spawn leaves them ignored.
  EXPECT_EQ(says("ls /proc/self/fd | wc -l; "  // the shell's own three, and what ls reads
                 "ignored=$(sed -n 's/^SigIgn:.//p' /proc/self/status); "
                 "echo $((0x$ignored & 0x7fffffff)); "
                 "[ $(ps -o sid= -p $$) = $$ ] && echo leads",
                 {}),
            "4\n0\nleads\n");
  ::close(open);
  ::signal(SIGPIPE, SIG_DFL);
}

TEST_F(SystemProcessesTest, a_child_that_was_let_go_is_no_zombie) {
  auto process = processes_.start({.words = {"true"}}, [](const Ended&) {});
  ASSERT_TRUE(process);
  const std::string stat = "/proc/" + std::to_string((*process)->id().number) + "/stat";
  process->reset();
  std::unique_ptr<io::Timer> timer;
  const Instant deadline = reactor_.now() + 20s;
  std::function<void()> look = [&] {
    if (!io::read_file(stat) || reactor_.now() > deadline) return reactor_.stop();
    timer = reactor_.after(1ms, look);
  };
  reactor_.post(look);
  reactor_.run();
  EXPECT_FALSE(io::read_file(stat));
}

}  // namespace
}  // namespace polis::sim
