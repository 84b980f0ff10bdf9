// What a shim does with the system: starts that fail, the surroundings of the process, its output,
// the notify protocol, listening sockets, control groups; and what a shim costs.

#include <sys/resource.h>

#include "agent/testing/shim_bench.hh"
#include "io/notify_socket.hh"
#include "io/users.hh"

namespace polis::agent {
namespace {

using shim::Exit;

bool is_root() { return io::own_user() == 0; }

// Starts it, waits until it has ended and its output is complete, and gives its last state.
shim::State run(ShimBench& bench, const InstanceSpec& spec, const std::string& name = "a") {
  const std::string instance = bench.make_directory(name);
  auto link = bench.start(instance, spec);
  EXPECT_TRUE(link) << link.error().text;
  if (!link) return {};
  EXPECT_TRUE(bench.until_ended(**link));
  const shim::State state = (*link)->state();
  EXPECT_TRUE(bench.ask([&](auto done) { (*link)->forget(done); }));
  EXPECT_TRUE(bench.until_left(instance));
  return state;
}

// --- starts that fail ---

void expect_failure(ShimBench& bench, const InstanceSpec& spec, const std::string& text) {
  const shim::State state = run(bench, spec);
  EXPECT_EQ(state.exit, Exit::kNeverRan);
  EXPECT_NE(start_failure(state).find(text), std::string::npos) << start_failure(state);
  EXPECT_EQ(bench.log(), "");
}

TEST(ShimsSystem, a_start_that_fails_says_what_to_mend) {
  ShimBench bench;
  {
    InstanceSpec spec = bench.shell("");
    spec.words = {"/no/such/program"};
    expect_failure(bench, spec, "cannot run /no/such/program: it is not there");
  }
  {
    InstanceSpec spec = bench.shell("");
    spec.words = {"/etc/passwd"};
    expect_failure(bench, spec, "may not run it");
  }
  {
    InstanceSpec spec = bench.shell("");
    spec.directory = "/no/such";
    expect_failure(bench, spec, "cannot enter its working directory /no/such");
  }
  {
    InstanceSpec spec = bench.shell("");
    spec.control_groups = {{"/no/such/group", shim::GroupKind::kUnified, {}}};
    expect_failure(bench, spec, "cannot make the control group /no/such/group");
  }
  {
    InstanceSpec spec = bench.shell("");
    spec.listeners = {{"http", "192.0.2.1:80"}};
    expect_failure(bench, spec, "cannot listen at 192.0.2.1:80: it is no address of this machine");
  }
  {
    InstanceSpec spec = bench.shell("");
    spec.inherit_from = "/no/such";
    spec.listeners = {{"http", "127.0.0.1:0"}};
    expect_failure(bench, spec, "cannot take over the listening sockets of /no/such");
  }
}

TEST(ShimsSystem, a_damaged_spec_is_told_and_nothing_started) {
  ShimBench bench;
  const std::string instance = bench.make_directory("a");
  ASSERT_TRUE(io::write_file_atomically(instance + "/spec", "no spec"));
  // As a start, without the agent's part.
  io::SystemProcesses processes(bench.reactor());
  auto placed = io::PlacedProgram::place(bench.path(), "polis-shim", embedded_shim());
  auto process = processes.start({.words = {placed->path(), instance}}, nullptr);
  ASSERT_TRUE(process);
  ShimBench::Outcome link = fail(ErrorCode::kIo, "");
  ASSERT_TRUE(bench.run_until([&] { return std::filesystem::exists(instance + "/socket"); }));
  link = bench.adopt(instance);
  ASSERT_TRUE(link) << link.error().text;
  EXPECT_EQ(start_failure((*link)->state()), "its spec is damaged; it must be written anew");
  EXPECT_TRUE(bench.ask([&](auto done) { (*link)->forget(done); }));
  EXPECT_TRUE(bench.until_left(instance));
}

// --- the process ---

TEST(ShimsSystem, the_process_has_the_surroundings_that_were_asked_for) {
  ShimBench bench;
  InstanceSpec spec = bench.shell(
      "pwd; umask; ulimit -Sn; ulimit -Hn; echo $A-$B; cat /proc/self/oom_score_adj; "
      "grep -E '^(SigBlk|SigIgn|NoNewPrivs)' /proc/self/status; ls /proc/self/fd | tr '\\n' ' '; "
      "echo; cut -d' ' -f6 /proc/$$/stat | sed s/^$$\\$/session/");
  spec.directory = "/usr";
  spec.umask = 027;
  spec.environment.insert(spec.environment.end(), {"A=1", "B=two words"});
  spec.limits = {{RLIMIT_NOFILE, 10, 20}};
  spec.oom_score = 500;
  run(bench, spec);
  EXPECT_EQ(bench.log(),
            "/usr\n0027\n10\n20\n1-two words\n500\n"
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nNoNewPrivs:\t1\n"
            "0 1 2 3 \nsession\n");  // 3: the directory that ls reads
}

TEST(ShimsSystem, the_process_runs_as_its_user_and_can_open_its_own_output) {
  if (!is_root()) GTEST_SKIP() << "changing the user needs root";
  ShimBench bench;
  InstanceSpec spec = bench.shell("id -u; id -g; id -G; echo again >/dev/stderr");
  spec.identity = Identity{65534, 65534, {65534, 4}};
  run(bench, spec);
  EXPECT_EQ(bench.log(), "65534\n65534\n65534 4\nagain\n");
}

TEST(ShimsSystem, a_private_tmp_is_seen_by_the_instance_alone) {
  if (!is_root()) GTEST_SKIP() << "mounting needs root";
  ShimBench bench;
  InstanceSpec spec = bench.shell("echo secret >/tmp/polis-private-tmp-test");
  spec.private_tmp = bench.make_directory("tmp");
  const shim::State state = run(bench, spec);
  EXPECT_EQ(how_it_ended(state), "exited with status 0") << bench.log();
  EXPECT_FALSE(std::filesystem::exists("/tmp/polis-private-tmp-test"));
  EXPECT_TRUE(std::filesystem::exists(spec.private_tmp + "/polis-private-tmp-test"));
}

// --- output ---

std::uint64_t bytes_in(const std::string& directory) {
  std::uint64_t all = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) all += entry.file_size();
  return all;
}

TEST(ShimsSystem, output_is_kept_in_files_of_bounded_size_and_number) {
  ShimBench bench;
  InstanceSpec spec = bench.shell("yes 0123456789abcde | head -c 20000000; echo last");
  spec.log_bytes_max = 1 << 20;
  spec.log_files_max = 3;
  const shim::State state = run(bench, spec);
  EXPECT_EQ(state.output_bytes, 20000005u);
  EXPECT_LE(bytes_in(bench.logs()), 3u << 20);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(bench.logs()), {}), 3);
  EXPECT_TRUE(bench.log().ends_with("last\n"));
}

TEST(ShimsSystem, the_next_life_goes_on_in_the_last_file_and_a_rotation_begins_a_new_one) {
  ShimBench bench;
  InstanceSpec spec = bench.shell("echo one");
  run(bench, spec, "a");
  spec.words.back() =
      "trap 'echo three; exit' TERM; echo two; while :; do sleep 1000 & wait $!; done";
  auto link = bench.start(bench.make_directory("b"), spec);
  ASSERT_TRUE(link);
  ASSERT_TRUE(bench.run_until([&] { return bench.log() == "one\ntwo\n"; }));
  EXPECT_TRUE(bench.ask([&](auto done) { (*link)->rotate(done); }));
  EXPECT_TRUE(bench.ask([&](auto done) { (*link)->stop(0, 10s, done); }));
  ASSERT_TRUE(bench.run_until([&] { return bench.log() == "one\ntwo\nthree\n"; }));
  EXPECT_EQ(io::read_file(bench.logs() + "/00000002.log").value_or(""), "three\n");
}

// 17 MB a second is 1 GB a minute. The writer measures how long each write took it.
TEST(ShimsSystem, an_instance_that_writes_a_gigabyte_a_minute_is_never_blocked_and_bounded) {
  ShimBench bench;
  const std::string instance = bench.make_directory("a");
  InstanceSpec spec = bench.python(
      "import os,select,signal,time\n"
      "chunk=b'x'*99+b'\\n'; chunk=chunk*170; start=time.monotonic(); took=[]\n"
      "for i in range(3000):\n"
      "  before=time.monotonic(); os.write(1,chunk); took.append(time.monotonic()-before)\n"
      "  rest=start+i*0.001-time.monotonic()\n"
      "  if rest>0: select.select([],[],[],rest)\n"
      "took.sort()\n"
      "open('" +
      instance +
      "/took','w').write('%f %f %f' % (took[len(took)*99//100]*1000, took[-1]*1000, "
      "time.monotonic()-start))\n");
  spec.log_rate = 1 << 20;
  spec.log_burst = 1 << 20;
  spec.log_bytes_max = 1 << 20;
  spec.log_files_max = 2;
  const shim::State state = run(bench, spec);
  double p99 = 0, worst = 0, seconds = 0;
  std::ifstream(instance + "/took") >> p99 >> worst >> seconds;
  std::printf("output: %.0f MB/min, %.1f %% kept; a write took %.3f ms (99 %%), %.3f ms at most\n",
              static_cast<double>(state.output_bytes) / seconds * 60 / 1e6,
              100 - 100.0 * static_cast<double>(state.output_dropped) /
                        static_cast<double>(state.output_bytes),
              p99, worst);
  EXPECT_EQ(state.output_bytes, 3000u * 17000);
  // One burst, one megabyte in each of three seconds, and what a busy machine makes of it.
  EXPECT_GT(state.output_dropped, state.output_bytes / 100 * 80);
  EXPECT_LE(bytes_in(bench.logs()), 2u << 20);
  EXPECT_NE(bench.log().find("bytes of output were dropped here]\n"), std::string::npos);
  EXPECT_GT(seconds, 0);
  EXPECT_LT(worst, 500) << "ms; a busy machine may hold the shim up for a while";
}

TEST(ShimsSystem, the_last_lines_are_kept_whatever_was_written_before_them) {
  ShimBench bench;
  InstanceSpec spec = bench.shell("head -c 30000000 /dev/zero; echo why I ended");
  spec.log_rate = 1000;
  spec.log_burst = 1000;
  const shim::State state = run(bench, spec);
  EXPECT_EQ(state.output_bytes, 30000012u);
  EXPECT_GT(state.output_dropped, 25000000u);
  EXPECT_TRUE(bench.log().ends_with("why I ended\n"));
}

TEST(ShimsSystem, a_full_disk_drops_output_and_stops_nobody) {
  ShimBench bench;
  InstanceSpec spec = bench.shell("head -c 1000000 /dev/zero; exit 4");
  std::filesystem::create_symlink("/dev/full", bench.logs() + "/00000001.log");
  const shim::State state = run(bench, spec);
  EXPECT_EQ(state.exit_number, 4u);
  EXPECT_EQ(state.output_bytes, 1000000u);
  EXPECT_EQ(state.output_dropped, 1000000u);
  EXPECT_EQ(state.output_errno, static_cast<std::uint64_t>(ENOSPC));
}

TEST(ShimsSystem, a_program_that_writes_as_fast_as_it_can_is_not_stopped_by_a_missing_directory) {
  ShimBench bench;
  InstanceSpec spec = bench.shell("head -c 50000000 /dev/zero");
  std::filesystem::remove_all(bench.logs());
  const std::string instance = bench.make_directory("a");
  auto link = bench.start(instance, spec);
  ASSERT_TRUE(link && bench.until_ended(**link));
  EXPECT_EQ((*link)->state().output_bytes, 50000000u);
  std::filesystem::create_directories(bench.logs());
}

// --- notify ---

const char* const kSay =
    "import socket,os,signal\n"
    "a=os.environ['NOTIFY_SOCKET']; a='\\0'+a[1:] if a[0]=='@' else a\n"
    "def say(t):\n"
    "  s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.connect(a); s.send(t); s.close()\n";

TEST(ShimsSystem, what_the_instance_notifies_is_counted_and_children_are_heard) {
  for (const bool other_user : {false, true}) {
    if (other_user && !is_root()) continue;
    ShimBench bench;
    InstanceSpec spec = bench.python(std::string(kSay) +
                                     "say(b'RELOADING=1')\n"
                                     "pid=os.fork()\n"
                                     "if pid==0:\n"
                                     "  say(b'READY=1\\nSTATUS=from a child'); signal.pause()\n"
                                     "print('told',flush=True); signal.pause()\n");
    spec.notify = shim::NotifyFrom::kAll;
    if (other_user) spec.identity = Identity{65534, 65534, {}};
    auto link = bench.start(bench.make_directory("a"), spec);
    ASSERT_TRUE(link) << link.error().text;
    const shim::State& state = (*link)->state();
    ASSERT_TRUE(bench.run_until([&] { return state.ready == 1; })) << bench.log();
    EXPECT_EQ(state.reloading, 1u);
    EXPECT_EQ(state.status.view(), "from a child");
    EXPECT_EQ(state.notify_refused, 0u);
    EXPECT_GT(state.ready_at, 0u);
  }
}

TEST(ShimsSystem, strangers_are_not_heard_on_the_notify_socket) {
  ShimBench bench;
  const std::string instance = bench.make_directory("a");
  InstanceSpec spec = bench.shell("sleep 1000");
  spec.notify = shim::NotifyFrom::kMain;
  auto link = bench.start(instance, spec);
  ASSERT_TRUE(link && bench.until_running(**link));
  auto stranger = io::NotifySocket::open(instance + "/notify");
  ASSERT_TRUE(stranger && (*stranger)->send("READY=1"));
  const shim::State& state = (*link)->state();
  ASSERT_TRUE(bench.run_until([&] { return state.notify_refused == 1; }));
  EXPECT_EQ(state.ready, 0u);
}

// --- listening sockets ---

TEST(ShimsSystem, a_connection_that_waits_is_served_by_the_successor) {
  ShimBench bench;
  const std::string old_instance = bench.make_directory("old"),
                    new_instance = bench.make_directory("new");
  const std::string path = bench.path() + "/service";
  InstanceSpec first = bench.python(
      "import os,select,signal,time\n"
      "print(os.environ['LISTEN_FDS'],os.environ['LISTEN_FDNAMES'],int(os.environ['LISTEN_PID'])=="
      "os.getpid(),flush=True)\n"
      "signal.pause()\n");
  first.listeners = {{"front", path}, {"metrics", "127.0.0.1:0"}};
  auto old_link = bench.start(old_instance, first);
  ASSERT_TRUE(old_link) << old_link.error().text;
  ASSERT_TRUE(bench.run_until([&] { return bench.log() == "2 front:metrics True\n"; }))
      << bench.log();
  // It waits in the queue: nobody accepts.
  std::unique_ptr<io::Stream> client;
  auto connecting = bench.network().connect({.path = path}, 5s, [&](auto stream) {
    ASSERT_TRUE(stream);
    client = std::move(*stream);
  });
  ASSERT_TRUE(bench.run_until([&] { return client != nullptr; }));
  std::string answer;
  client->start({.bytes = [&](std::string_view bytes) { answer += bytes; },
                 .closed = [&](const std::string& reason) { answer += "closed: " + reason; },
                 .writable = nullptr});
  InstanceSpec second = bench.python(
      "import signal,socket\n"
      "c,_=socket.socket(fileno=3).accept(); c.send(b'served'); signal.pause()\n");
  second.listeners = first.listeners;
  second.inherit_from = old_instance;
  auto new_link = bench.start(new_instance, second);
  ASSERT_TRUE(new_link) << new_link.error().text;
  ASSERT_TRUE(bench.until_running(**new_link)) << start_failure((*new_link)->state());
  EXPECT_EQ((*new_link)->state().listeners_inherited, 2u);
  EXPECT_TRUE(bench.ask([&](auto done) { (*old_link)->kill(done); }));
  ASSERT_TRUE(bench.until_ended(**old_link));
  EXPECT_TRUE(bench.ask([&](auto done) { (*old_link)->forget(done); }));
  ASSERT_TRUE(bench.run_until([&] { return !answer.empty(); }));
  EXPECT_EQ(answer, "served");
}

// --- the protocol, spoken by hand ---

class RawAgent {
 public:
  RawAgent(ShimBench& bench, const std::string& instance) {
    auto connecting = bench.network().connect({.path = instance + "/socket"}, 5s, [&](auto stream) {
      if (stream) stream_ = std::move(*stream);
    });
    EXPECT_TRUE(bench.run_until([&] { return stream_ != nullptr; }));
    stream_->start({.bytes = [this](std::string_view bytes) { bytes_ += bytes; },
                    .closed = [this](const std::string&) { closed_ = true; },
                    .writable = nullptr});
  }
  void hello(std::uint64_t newest, std::uint64_t oldest) {
    char frame[shim::kFrameBytesMax];
    send(
        encode(shim::Hello{newest, oldest, shim::Purpose::kAgent, "test", 0}, frame, sizeof frame));
  }
  void send(std::string_view bytes) { stream_->write(bytes); }
  io::Stream& stream() { return *stream_; }
  bool closed() const { return closed_; }
  std::optional<shim::Frame> frame() const {
    shim::Frame frame;
    if (first_frame(bytes_, frame) != shim::Framing::kFrame) return std::nullopt;
    return frame;
  }

 private:
  std::unique_ptr<io::Stream> stream_;
  std::string bytes_;
  bool closed_ = false;
};

struct RunningInstance {
  ShimBench bench;
  std::string instance = bench.make_directory("a");
  RunningInstance() {
    auto link = bench.start(instance, bench.shell("sleep 1000"));
    EXPECT_TRUE(link && bench.until_running(**link));
  }
};

TEST(ShimsSystem, an_agent_of_another_version_is_told_which_ones_the_shim_speaks) {
  RunningInstance running;
  for (const auto& [newest, oldest] : {std::pair{99, 50}, std::pair{0, 0}}) {
    RawAgent agent(running.bench, running.instance);
    agent.hello(static_cast<std::uint64_t>(newest), static_cast<std::uint64_t>(oldest));
    ASSERT_TRUE(
        running.bench.run_until([&] { return agent.frame().has_value() && agent.closed(); }));
    shim::Refusal refusal;
    ASSERT_EQ(agent.frame()->type, shim::FrameType::kRefusal);
    ASSERT_TRUE(decode(agent.frame()->body, refusal));
    EXPECT_EQ(refusal.reason, shim::Refused::kVersion);
    const Error error = refused_connection(refusal, running.instance);
    EXPECT_NE(error.text.find("speaks versions 1 to 1 of the protocol"), std::string::npos)
        << error.text;
  }
  EXPECT_TRUE(running.bench.adopt(running.instance));
}

TEST(ShimsSystem, an_agent_of_the_next_release_speaks_what_both_know) {
  RunningInstance running;
  RawAgent agent(running.bench, running.instance);
  agent.hello(shim::kProtocolNewest + 1, shim::kProtocolNewest);
  ASSERT_TRUE(running.bench.run_until([&] { return agent.frame().has_value(); }));
  shim::Welcome welcome;
  ASSERT_EQ(agent.frame()->type, shim::FrameType::kWelcome);
  ASSERT_TRUE(decode(agent.frame()->body, welcome));
  EXPECT_EQ(welcome.version, shim::kProtocolNewest);
}

TEST(ShimsSystem, connections_that_say_nothing_or_nonsense_keep_no_agent_away) {
  RunningInstance running;
  std::vector<std::unique_ptr<RawAgent>> silent;
  for (int i = 0; i < 8; ++i)
    silent.push_back(std::make_unique<RawAgent>(running.bench, running.instance));
  RawAgent nonsense(running.bench, running.instance);
  nonsense.send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(running.bench.run_until([&] { return nonsense.closed(); }));
  EXPECT_TRUE(running.bench.adopt(running.instance));
}

TEST(ShimsSystem, an_agent_that_does_not_read_holds_nothing_up) {
  ShimBench bench;
  const std::string instance = bench.make_directory("a");
  InstanceSpec spec = bench.shell("sleep 1000");
  spec.exclusive = Exclusive{1, bench.reactor().now() + 1500ms};
  spec.linger = 1ms;
  {
    auto link = bench.start(instance, spec);
    ASSERT_TRUE(link && bench.until_running(**link));
  }
  RawAgent agent(bench, instance);
  agent.hello(1, 1);
  ASSERT_TRUE(bench.run_until([&] { return agent.frame().has_value(); }));
  agent.stream().pause_reading();
  char frame[shim::kFrameBytesMax];
  const std::string request(
      encode(shim::Request{.id = 1, .ask = shim::Ask::kState}, frame, sizeof frame));
  std::string many;
  for (int i = 0; i < 100000; ++i) many += request;
  agent.send(many);
  ASSERT_TRUE(bench.run_until([&] {
    auto found = look(instance);
    return found && found->record && found->record->state.phase == shim::Phase::kEnded;
  }));
  const auto found = look(instance);
  EXPECT_EQ(found->record->state.cause, shim::Cause::kDeadline);
  EXPECT_LT(Duration(found->record->state.ended_at - found->record->state.deadline), 1s);
}

// --- control groups ---

// Whether a group with this file can be made there.
bool usable(const std::string& parent, const std::string& file) {
  const std::string probe = parent + "/polis-probe-" + std::to_string(::getpid());
  std::error_code error;
  const bool made = std::filesystem::create_directory(probe, error);
  const bool good = made && std::filesystem::exists(probe + "/" + file);
  std::filesystem::remove(probe, error);
  return good;
}

constexpr const char* kMemoryMax = "33554432";
constexpr const char* kProcessesMax = "40";

// A group of each hierarchy in which this test may make some, with limits of memory and processes
// where it has them; empty: none.
std::vector<ControlGroup> control_groups(const std::string& name, bool unified, bool legacy) {
  std::vector<ControlGroup> groups;
  for (const std::string parent : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"}) {
    if (!unified || !groups.empty() || !usable(parent, "cgroup.kill")) continue;
    groups.push_back({parent + "/" + name, shim::GroupKind::kUnified, {}});
    if (usable(parent, "memory.max"))
      groups.back().settings = {{"memory.max", kMemoryMax}, {"memory.swap.max", "0", true}};
    if (usable(parent, "pids.max")) groups.back().settings.push_back({"pids.max", kProcessesMax});
  }
  if (legacy && usable("/sys/fs/cgroup/memory", "memory.limit_in_bytes"))
    groups.push_back({"/sys/fs/cgroup/memory/" + name,
                      shim::GroupKind::kLegacy,
                      {{"memory.limit_in_bytes", kMemoryMax}}});
  if (legacy && usable("/sys/fs/cgroup/pids", "pids.max"))
    groups.push_back(
        {"/sys/fs/cgroup/pids/" + name, shim::GroupKind::kLegacy, {{"pids.max", kProcessesMax}}});
  return groups;
}

bool limits(const std::vector<ControlGroup>& groups, const std::string& value) {
  for (const ControlGroup& group : groups)
    for (const ControlGroup::Setting& setting : group.settings)
      if (setting.value == value) return true;
  return false;
}

std::string group_name() {
  return "polis-test-" + std::to_string(::getpid()) + "-" + std::to_string(io::entropy() % 100000);
}

#define GROUPS_OR_SKIP(groups, unified, legacy)                      \
  const auto groups = control_groups(group_name(), unified, legacy); \
  if (groups.empty()) GTEST_SKIP() << "needs a control group hierarchy of this kind, and root"

// Each with a daemon that left the session, and all of them ignoring SIGTERM.
const char* const kFamily =
    "trap '' TERM HUP; for i in 1 2 3; do (setsid sleep 1000 &); sleep 1000 & done; echo ready; "
    "wait; sleep 1000";

void expect_group_gone(const std::vector<ControlGroup>& groups) {
  for (const ControlGroup& group : groups)
    EXPECT_FALSE(std::filesystem::exists(group.path)) << group.path;
}

void stop_family(std::vector<ControlGroup> groups) {
  ShimBench bench;
  InstanceSpec spec = bench.shell(kFamily);
  spec.control_groups = groups;
  auto link = bench.start(bench.make_directory("a"), spec);
  ASSERT_TRUE(link) << link.error().text;
  ASSERT_TRUE(bench.run_until([&] { return bench.log() == "ready\n"; }))
      << start_failure((*link)->state());
  EXPECT_EQ((*link)->state().group_kill, 1u);
  EXPECT_TRUE(bench.ask([&](auto done) { (*link)->stop(0, 100ms, done); }));
  ASSERT_TRUE(bench.until_ended(**link));
  EXPECT_EQ((*link)->state().remaining, 0u);
  std::printf("kill of 7 processes by %s: %.1f ms\n",
              groups.front().kind == shim::GroupKind::kUnified ? "cgroup v2" : "cgroup v1",
              static_cast<double>((*link)->state().kill_took) / 1e6);
  expect_group_gone(groups);
}

TEST(ShimsSystem, cgroup_v2_kills_all_that_is_in_it) {
  GROUPS_OR_SKIP(groups, true, false);
  stop_family(groups);
}

TEST(ShimsSystem, cgroup_v1_kills_all_that_is_in_it) {
  GROUPS_OR_SKIP(groups, false, true);
  stop_family(groups);
}

TEST(ShimsSystem, a_hybrid_machine_tracks_by_v2_and_limits_by_v1) {
  GROUPS_OR_SKIP(groups, true, true);
  if (groups.size() < 3) GTEST_SKIP() << "this machine is not hybrid";
  stop_family(groups);
}

TEST(ShimsSystem, a_fork_bomb_is_bounded_and_ends) {
  GROUPS_OR_SKIP(groups, true, true);
  if (!limits(groups, kProcessesMax)) GTEST_SKIP() << "needs a limit of processes";
  ShimBench bench;
  InstanceSpec spec = bench.shell("echo ready; bomb() { bomb | bomb & wait; }; bomb; sleep 1000");
  spec.control_groups = groups;
  auto link = bench.start(bench.make_directory("a"), spec);
  ASSERT_TRUE(link) << link.error().text;
  ASSERT_TRUE(bench.run_until([&] { return bench.log().starts_with("ready\n"); }));
  // It may have died of its own limit by now.
  bench.ask([&](auto done) { (*link)->kill(done); });
  ASSERT_TRUE(bench.until_ended(**link));
  EXPECT_EQ((*link)->state().remaining, 0u);
  expect_group_gone(groups);
}

TEST(ShimsSystem, memory_above_the_limit_kills_the_offender_and_it_is_said) {
  GROUPS_OR_SKIP(groups, true, true);
  if (!limits(groups, kMemoryMax)) GTEST_SKIP() << "needs a limit of memory";
  ShimBench bench;
  InstanceSpec spec = bench.python("b=bytearray(200<<20)\nfor i in range(0,len(b),4096): b[i]=1\n");
  spec.control_groups = groups;
  const shim::State state = run(bench, spec);
  EXPECT_EQ(how_it_ended(state), "killed by SIGKILL, for want of memory");
  EXPECT_GE(state.oom_kills, 1u);
  expect_group_gone(groups);
}

TEST(ShimsSystem, who_leaves_its_control_group_is_killed_as_well) {
  GROUPS_OR_SKIP(groups, true, false);
  ShimBench bench;
  const std::string instance = bench.make_directory("a");
  const std::string top = std::filesystem::path(groups.front().path).parent_path().string();
  InstanceSpec spec = bench.shell("(setsid sh -c 'echo $$ >" + top + "/cgroup.procs; echo $$ >" +
                                  instance + "/pid; sleep 1000; :' &); while [ ! -s " + instance +
                                  "/pid ]; do :; done; exit 0");
  spec.control_groups = groups;
  auto link = bench.start(instance, spec);
  ASSERT_TRUE(link && bench.until_ended(**link));
  pid_t pid = 0;
  std::ifstream(instance + "/pid") >> pid;
  ASSERT_GT(pid, 0);
  EXPECT_FALSE(ShimBench::is_there(pid));
}

TEST(ShimsSystem, what_an_earlier_life_left_in_the_control_group_goes_first) {
  GROUPS_OR_SKIP(groups, true, false);
  const std::string& path = groups.front().path;
  std::filesystem::create_directory(path);
  io::Reactor reactor;
  ShimBench bench;
  io::SystemProcesses processes(bench.reactor());
  auto left = processes.start({.words = {"/bin/sleep", "1000"}}, nullptr);
  ASSERT_TRUE(left);
  std::ofstream(path + "/cgroup.procs") << (*left)->id().number << std::flush;
  InstanceSpec spec = bench.shell("echo ran");
  spec.control_groups = groups;
  run(bench, spec);
  EXPECT_EQ(bench.log(), "ran\n");
  EXPECT_TRUE(bench.run_until([&] { return !(*left)->running(); }));
}

TEST(ShimsSystem, a_limit_that_may_be_absent_is_said_and_one_that_must_hold_refuses_the_start) {
  GROUPS_OR_SKIP(groups, true, false);
  for (const bool optional : {true, false}) {
    ShimBench bench;
    InstanceSpec spec = bench.shell("exit 0");
    spec.control_groups = groups;
    spec.control_groups.front().settings = {{"no.such.limit", "1", optional}};
    const shim::State state = run(bench, spec);
    if (optional) {
      EXPECT_EQ(state.settings_absent, 1u);
      EXPECT_EQ(state.setting_absent.view(), "no.such.limit");
      EXPECT_EQ(state.exit, Exit::kExited);
    } else {
      EXPECT_NE(start_failure(state).find("cannot set the limit no.such.limit"), std::string::npos);
    }
    expect_group_gone(groups);
  }
}

// --- what it costs ---

// By pages, since the counts of /proc/PID/status are not exact before Linux 6.2.
std::uint64_t kilobytes(pid_t pid, const std::string& field) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(field + ":")) return std::stoull(line.substr(field.size() + 1));
  return 0;
}

TEST(ShimsSystem, a_shim_is_small_in_memory_and_starts_fast) {
  ShimBench bench;
  std::vector<Duration> times;
  std::uint64_t idle = 0;
  for (int i = 0; i < 20; ++i) {
    InstanceSpec spec = bench.shell("exec sleep 1000");
    spec.notify = shim::NotifyFrom::kAll;
    const Instant begin = bench.reactor().now();
    auto link = bench.start(bench.make_directory("a" + std::to_string(i)), spec);
    ASSERT_TRUE(link && bench.until_running(**link));
    times.push_back(Instant(Duration((*link)->state().started_at)) - begin);
    idle = std::max(idle, kilobytes(static_cast<pid_t>((*link)->state().shim_pid), "Anonymous"));
    bench.ask([&](auto done) { (*link)->kill(done); });
    ASSERT_TRUE(bench.until_ended(**link));
  }
  std::sort(times.begin(), times.end());
  // One that has copied much output to its files, and has an agent.
  InstanceSpec spec = bench.shell("head -c 20000000 /dev/zero; echo; sleep 1000");
  auto link = bench.start(bench.make_directory("busy"), spec);
  ASSERT_TRUE(link && bench.run_until([&] { return (*link)->state().output_bytes > 20000000; }));
  const auto shim = static_cast<pid_t>((*link)->state().shim_pid);
  const std::uint64_t busy = kilobytes(shim, "Anonymous");
  std::printf(
      "shim: %zu bytes; RssAnon %lu kB idle, %lu kB after 20 MB of output; RssFile %lu kB, of all "
      "shims together\n",
      embedded_shim().size(), idle, busy, kilobytes(shim, "Rss") - busy);
  std::printf(
      "start: %.2f ms in the median of 20 from the agent's call to the instance's program, %.2f ms "
      "at most\n",
      static_cast<double>(times[10].count()) / 1e6,
      static_cast<double>(times.back().count()) / 1e6);
  EXPECT_LT(embedded_shim().size(), 1u << 20);
  EXPECT_LT(idle, 150u);
  EXPECT_LT(busy, 150u);
  EXPECT_LT(times[10], 200ms);
}

TEST(ShimsSystem, a_shim_runs_from_memory_where_files_may_not_run) {
  ShimBench bench;
  // As on a file system that is mounted noexec, or full.
  auto in_memory = io::PlacedProgram::place("/proc", "polis-shim", embedded_shim());
  ASSERT_TRUE(in_memory) << in_memory.error().text;
  ASSERT_TRUE(in_memory->in_memory());
  io::SystemProcesses processes(bench.reactor());
  Shims shims(bench.reactor(), bench.network(), processes, in_memory->path());
  std::optional<ShimBench::Outcome> outcome;
  const std::string instance = bench.make_directory("a");
  auto attempt = shims.start(instance, bench.shell("exit 3"),
                             [&](ShimBench::Outcome o) { outcome = std::move(o); });
  ASSERT_TRUE(bench.run_until([&] { return outcome.has_value(); }));
  ASSERT_TRUE(*outcome) << outcome->error().text;
  ASSERT_TRUE(bench.until_ended(***outcome));
  EXPECT_EQ((**outcome)->state().exit_number, 3u);
}

}  // namespace
}  // namespace polis::agent
