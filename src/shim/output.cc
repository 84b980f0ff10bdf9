#include "shim/output.hh"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace polis::shim {
namespace {

constexpr std::size_t kKeepBytes = 16 << 10;  // at once; a rate is kept as exactly as this
constexpr std::uint64_t kDiscardBytes = 1 << 20;
// More room means fewer turns for an instance that writes much. It is a wish: the system has a
// bound for each user.
constexpr int kFifoBytes = 256 << 10;
constexpr std::uint64_t kBurstDefault = 4 << 20;
constexpr std::uint64_t kRateMax = 1ULL << 40;  // bytes a second; no instance writes more
constexpr Nanoseconds kRefillMax = 100'000;     // milliseconds

std::uint64_t bounded(std::uint64_t rate) { return rate < kRateMax ? rate : kRateMax; }

Failure failed(int number) {
  Failure failure{Step::kOutput, number, {}};
  failure.what.assign(kOutputFifo);
  return failure;
}

}  // namespace

Output::Output(const Spec& spec, OutputCounts& counts)
    : counts_(counts),
      kept_(!spec.log_directory.empty()),
      rate_(bounded(spec.log_rate)),
      burst_(spec.log_burst != 0 ? bounded(spec.log_burst) : kBurstDefault),
      allowance_(static_cast<std::int64_t>(burst_)) {}

Failure Output::open(const Spec& spec) {
  ::unlink(kOutputFifo);
  if (::mkfifo(kOutputFifo, 0600) != 0) return failed(errno);
  fifo_.reset(::open(kOutputFifo, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  instance_end_.reset(::open(kOutputFifo, O_RDWR | O_CLOEXEC));
  nothing_.reset(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!fifo_.open() || !instance_end_.open() || !nothing_.open()) return failed(errno);
  // A program that opens /dev/stderr opens this file anew, as its own user.
  const uid_t user = spec.user != 0 ? static_cast<uid_t>(spec.user - 1) : static_cast<uid_t>(-1);
  if (::fchown(fifo_.get(), user, static_cast<gid_t>(-1)) != 0) return failed(errno);
  ::fcntl(fifo_.get(), F_SETPIPE_SZ, kFifoBytes);
  // A quarter: small writes may leave half of each page of it empty.
  const int size = ::fcntl(fifo_.get(), F_GETPIPE_SZ);
  hold_max_ = size > 0 ? static_cast<std::uint64_t>(size) / 4 : 0;
  return {};
}

bool Output::allowed(Nanoseconds now) {
  if (rate_ == 0) return true;
  const Nanoseconds milliseconds = (now - refilled_) / kMillisecond;
  if (milliseconds > 0) {
    // What a long time would give is more than any burst.
    const Nanoseconds counted = milliseconds < kRefillMax ? milliseconds : kRefillMax;
    refilled_ += milliseconds * kMillisecond;
    allowance_ += static_cast<std::int64_t>(rate_) * counted / 1000;
    if (allowance_ > static_cast<std::int64_t>(burst_))
      allowance_ = static_cast<std::int64_t>(burst_);
  }
  return allowance_ > 0;
}

std::uint64_t Output::waiting() const {
  int bytes = 0;
  return ::ioctl(fifo_.get(), FIONREAD, &bytes) == 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

bool Output::discard(std::uint64_t most) {
  const ssize_t n =
      ::splice(fifo_.get(), nullptr, nothing_.get(), nullptr, most, SPLICE_F_NONBLOCK);
  if (n <= 0) return false;
  counts_.bytes += static_cast<std::uint64_t>(n);
  if (kept_) counts_.dropped += static_cast<std::uint64_t>(n);
  return true;
}

// Moves only what the pipe has room for.
bool Output::keep(int pipe) {
  const ssize_t n = ::splice(fifo_.get(), nullptr, pipe, nullptr, kKeepBytes, SPLICE_F_NONBLOCK);
  if (n <= 0) return false;
  counts_.bytes += static_cast<std::uint64_t>(n);
  allowance_ -= n;
  return true;
}

void Output::take(int pipe, Nanoseconds now) {
  held_ = false;
  const bool keeps = kept_ && pipe >= 0;
  for (int i = 0; i < kTakeAtOnce; ++i) {
    if (keeps && allowed(now) && keep(pipe)) continue;
    const std::uint64_t left = waiting();
    const std::uint64_t stays = keeps ? hold_max_ : 0;
    held_ = left > 0 && left <= stays;
    if (left <= stays) return;
    if (!discard(left - stays < kDiscardBytes ? left - stays : kDiscardBytes)) return;
  }
}

}  // namespace polis::shim
