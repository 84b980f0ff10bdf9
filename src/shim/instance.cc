#include "shim/instance.hh"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "shim/descendants.hh"

namespace polis::shim {
namespace {

constexpr std::string_view kOwnOomScore = "-999";
constexpr Nanoseconds kCountEvery = kSecond;
constexpr Nanoseconds kLeavePatience = 5 * kSecond;  // for a disk that does not take the output

int oom_score() {
  char buffer[16];
  const std::string_view text =
      read_small(AT_FDCWD, "/proc/self/oom_score_adj", buffer, sizeof buffer);
  int score = 0;
  const bool negative = !text.empty() && text.data()[0] == '-';
  for (std::size_t i = negative; i < text.size() && text.data()[i] >= '0'; ++i)
    score = score * 10 + (text.data()[i] - '0');
  return negative ? -score : score;
}

}  // namespace

Instance::Instance(const Spec& spec, std::string_view directory)
    : spec_(spec),
      directory_(directory),
      life_(spec),
      output_(spec, counts_),
      disk_(spec, counts_) {}

int Instance::open() {
  sigset_t mask;
  ::sigemptyset(&mask);
  for (int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGXFSZ})
    ::sigaddset(&mask, number);
  ::sigprocmask(SIG_BLOCK, &mask, nullptr);
  ::sigemptyset(&mask);
  for (int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&mask, number);
  signals_.reset(::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
  timer_.reset(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!signals_.open() || !timer_.open()) return errno;
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  State& state = life_.state();
  oom_score_ = oom_score();
  state.oom_lowered = write_small(AT_FDCWD, "/proc/self/oom_score_adj", kOwnOomScore) == 0;
  ProcessFacts facts;
  state.shim_pid = static_cast<std::uint64_t>(::getpid());
  if (process_facts(::getpid(), facts)) state.shim_started = facts.started;
  char buffer[64];
  const std::string_view boot =
      read_small(AT_FDCWD, "/proc/sys/kernel/random/boot_id", buffer, sizeof buffer);
  if (!boot.empty()) record_.boot.assign({boot.data(), boot.size() - 1});  // without the newline
  open_record();
  return agents_.open();
}

// Of its full size from the beginning, so that no later write needs room.
void Instance::open_record() {
  record_file_.reset(::open(kRecordFile, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  int error = record_file_.open() ? 0 : errno;
  if (error == 0) error = ::posix_fallocate(record_file_.get(), 0, kRecordFileBytes);
  life_.state().record_errno = static_cast<std::uint64_t>(error);
}

void Instance::refuse(Step step, int number, std::string_view what) {
  disk_runs_ = disk_.start(record_file_.get()) == 0;
  life_.on_start_failed(now(), step, number, what);
}

void Instance::start() {
  Failure failed = prepare();
  if (!failed) failed = spawn();
  if (failed) {
    // It may be born already, and waits for a word that does not come.
    if (main_ > 0 && ::kill(main_, SIGKILL) == 0) ::waitpid(main_, nullptr, 0);
    refuse(failed.step, failed.number, failed.what.view());
    return;
  }
  disk_runs_ = disk_.start(record_file_.get()) == 0;
  child_.go();
}

Failure Instance::prepare() {
  State& state = life_.state();
  if (state.record_errno != 0) {
    Failure failed{Step::kRecord, static_cast<int>(state.record_errno), {}};
    failed.what.assign(kRecordFile);
    return failed;
  }
  if (spec_.exclusive != 0 && now() >= static_cast<Nanoseconds>(spec_.deadline))
    return {Step::kDeadline, 0, {}};
  if (Failure failed = output_.open(spec_)) return failed;
  if (Failure failed = notify_.open(spec_, directory_)) return failed;
  if (Failure failed = listeners_.open(spec_, state)) return failed;
  Failure failed = groups_.make(spec_, state);
  state.group_kill = groups_.can_kill();
  return failed;
}

Failure Instance::spawn() {
  const Birth birth{spec_,     output_.instance_end(), notify_.environment(), &listeners_, 0, kWord,
                    oom_score_};
  bool born_in_group = groups_.unified() >= 0;
  Failure failed = child_.fork(birth, groups_.unified());
  if (failed && born_in_group &&
      (failed.number == ENOSYS || failed.number == EINVAL || failed.number == E2BIG ||
       failed.number == EPERM)) {
    born_in_group = false;  // a kernel before 5.7: it is moved there
    failed = child_.fork(birth, -1);
  }
  if (failed) return failed;
  main_ = child_.pid();
  output_.close_instance_end();
  if (failed = groups_.attach(main_, born_in_group); failed) return failed;
  State& state = life_.state();
  ProcessFacts facts;
  state.pid = static_cast<std::uint64_t>(main_);
  if (process_facts(main_, facts)) state.pid_started = facts.started;
  // Not durable: after a loss of power nothing of the instance is left to be found.
  char slot[kRecordSlot];
  record_.state = state;
  encode_record(record_, slot);
  const ssize_t n = ::pwrite(record_file_.get(), slot, sizeof slot, 0);
  if (n != static_cast<ssize_t>(sizeof slot)) return {Step::kRecord, n < 0 ? errno : EIO, {}};
  return {};
}

void Instance::run() {
  while (!leave_) {
    perform();
    agents_.maybe_send(life_.state());
    if (leave_) break;
    set_timer();
    wait();
    const Nanoseconds time = now();
    life_.on_time(time);
    agents_.on_time(time);
    take_signals();
    take_outcome();
    if (notify_.descriptor() >= 0) notify_.take(main_, time, life_.state());
    if (takes_output()) output_.take(disk_runs_ ? disk_.input() : -1, time);
    if (disk_runs_) take_disk_news();
    agents_.on_ready(listeners_, time);
    take_requests();
    if (agents_.agent_there() != agent_there_) life_.on_agent(agent_there_ = !agent_there_, time);
    if (agent_there_ && time - counted_at_ >= kCountEvery) count_output();
  }
  agents_.close();
  ::unlink(kOutputFifo);
  if (notify_.descriptor() >= 0) ::unlink(kNotifyFile);
}

void Instance::wait() {
  pollfd waits[16];
  std::size_t count = agents_.wait_for(waits);
  const bool held = takes_output() && output_.held();
  const int output = takes_output() && !held ? output_.descriptor() : -1;
  const int disk = disk_runs_ ? disk_.news_descriptor() : -1;
  for (int descriptor : {timer_.get(), signals_.get(), output, notify_.descriptor(), disk,
                         child_.descriptor(), stop_child_.descriptor()})
    if (descriptor >= 0) waits[count++] = {descriptor, POLLIN, 0};
  ::poll(waits, count, held ? kHeldMilliseconds : -1);
}

void Instance::set_timer() {
  Nanoseconds at = life_.wake_at();
  if (agents_.wake_at() < at) at = agents_.wake_at();
  if (leave_until_ < at) at = leave_until_;
  const State& state = life_.state();
  if (agent_there_ &&
      (state.output_bytes != counts_.bytes || state.output_dropped != counts_.dropped) &&
      counted_at_ + kCountEvery < at)
    at = counted_at_ + kCountEvery;
  itimerspec spec{};  // all zero: never
  if (at != kNever) {
    if (at < 1) at = 1;
    spec.it_value = {at / kSecond, at % kSecond};
  }
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

void Instance::take_signals() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
    if (info.ssi_signo == SIGTERM) life_.on_terminate(now());
  reap();
}

// Also those that are no more than heirs: as a subreaper this is the parent of all whose own ended.
void Instance::reap() {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return;
    if (info.si_pid != main_) continue;
    take_outcome();  // whether its program ran is known by now
    if (life_.state().exit != Exit::kNone) continue;
    life_.state().oom_kills = groups_.oom_kills();
    const bool exited = info.si_code == CLD_EXITED;
    life_.on_main_ended(now(), exited ? Exit::kExited : Exit::kKilled, info.si_status,
                        info.si_code == CLD_DUMPED);
  }
}

void Instance::take_outcome() {
  for (Child* child : {&child_, &stop_child_}) {
    if (child->descriptor() < 0) continue;
    pollfd wait{child->descriptor(), POLLIN, 0};
    if (::poll(&wait, 1, 0) != 1) continue;
    const Failure failed = child->result();
    if (child == &stop_child_) {
      if (failed && life_.main_runs()) ::kill(main_, kStopSignalDefault);
    } else if (failed) {
      ::waitpid(main_, nullptr, 0);  // it is on its way out
      std::string_view what;
      if (failed.step == Step::kDirectory && !spec_.directory.empty())
        what = without_zero(spec_.directory);
      if (failed.step == Step::kPrivateTmp) what = without_zero(spec_.private_tmp);
      for_each_field(spec_.fields, kWord, [&](const Field& word) {
        if (failed.step == Step::kExec && what.empty()) what = without_zero(word.bytes);
      });
      life_.on_start_failed(now(), failed.step, failed.number, what);
    } else {
      life_.on_started(now());
    }
  }
}

void Instance::take_disk_news() {
  const DiskThread::News news = disk_.news();
  if (news.recorded) life_.on_recorded(now(), news.record_error);
  if (news.finished) {
    disk_runs_ = false;
    life_.state().output_complete = 1;
    count_output();
  }
}

void Instance::take_requests() {
  Request request;
  while (agents_.next_request(request)) {
    Answer answer{request.id, Verdict::kDone, 0};
    if (request.ask == Ask::kRotate) {
      if (disk_runs_) disk_.rotate();
    } else if (request.ask == Ask::kState) {
      count_output();
      agents_.send_anyway();
    } else {
      answer.verdict = life_.on_request(request, now());
    }
    agents_.answer(answer);
    perform();
  }
}

void Instance::perform() {
  Actions actions = life_.take_actions();
  if (actions.run_stop_command) run_stop_command();
  if (actions.signal_main != 0 && life_.main_runs()) ::kill(main_, actions.signal_main);
  if (actions.signal_rest != 0 && !groups_.signal(actions.signal_rest))
    signal_descendants(actions.signal_rest);
  if (actions.kill_all && !nothing_left()) kill_all();
  if (actions.count_remaining)
    life_.on_remaining(groups_.can_kill() ? groups_.processes() : signal_descendants(0));
  const Phase phase = life_.state().phase;
  const bool may_be_gone = phase == Phase::kKilling || phase == Phase::kStopping;
  if (may_be_gone && life_.state().exit != Exit::kNone && nothing_left()) {
    life_.on_gone(now());
    actions.record = life_.take_actions().record;
  }
  if (actions.record) take_end();
  if (actions.leave) leaving_ = true;
  if (leaving_ && leave_until_ == kNever) leave_until_ = now() + kLeavePatience;
  if (leaving_ && (!disk_runs_ || now() >= leave_until_)) leave_ = true;
}

void Instance::run_stop_command() {
  const Birth birth{
      spec_, output_.descriptor(), notify_.environment(), nullptr, main_, kStopWord, oom_score_};
  Failure failed = stop_child_.fork(birth, groups_.unified());
  if (!failed) failed = groups_.attach(stop_child_.pid(), groups_.unified() >= 0);
  if (failed) {
    ::kill(main_, kStopSignalDefault);
    return;
  }
  stop_child_.go();
}

void Instance::kill_all() {
  // While it is not waited for, its number is nobody else's. It leads no session before its
  // program.
  if (life_.state().exit == Exit::kNone && main_ > 0 && ::kill(-main_, SIGKILL) != 0)
    ::kill(main_, SIGKILL);
  groups_.kill();
  // Who is not in the groups, because there are none or because it was let out of them.
  if (groups_.empty()) kill_descendants();
  reap();
}

bool Instance::nothing_left() const {
  siginfo_t info{};
  const bool children = ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
  return !children && groups_.empty();
}

void Instance::take_end() {
  if (groups_.can_kill()) life_.state().oom_kills = groups_.oom_kills();
  groups_.remove();
  count_output();
  write_record();
  // Nobody of the instance is left who could be held up: the disk takes the rest in its time.
  if (disk_runs_) disk_.finish(output_.descriptor());
  drains_ = disk_runs_;
  life_.state().output_complete = !disk_runs_;
}

void Instance::write_record() {
  ++record_.sequence;
  record_.state = life_.state();
  record_.state.recorded = 1;  // who reads it reads it from the disk
  if (disk_runs_)
    disk_.give_record(record_);
  else
    life_.on_recorded(now(), EIO);
}

void Instance::count_output() {
  State& state = life_.state();
  state.output_bytes = counts_.bytes;
  state.output_dropped = counts_.dropped;
  state.output_errno = static_cast<std::uint64_t>(counts_.error.load());
  counted_at_ = now();
}

}  // namespace polis::shim
