#include "io/reactor.hh"

#include <sys/random.h>
#include <time.h>

#include "base/check.hh"
#include "io/asio.hh"
#include "io/tcp.hh"

namespace polis::io {
namespace {

// Handlers of one turn: enough to batch well, few enough that replies are not held back.
constexpr int kHandlersPerTurnMax = 1024;

// For short delays: exact, at the price of a system call for each, and of a wake-up for nothing
// when it is destroyed before its time.
class AsioTimer final : public Timer {
 public:
  AsioTimer(asio::io_context& context, Duration delay, std::function<void()> f) : timer_(context) {
    timer_.expires_after(std::max(delay, Duration::zero()));
    timer_.async_wait([alive = std::weak_ptr<bool>(alive_), f = std::move(f)](ErrorCodeAsio error) {
      if (!error && !alive.expired()) f();
    });
  }

 private:
  asio::steady_timer timer_;
  // Shared with the handler alone: it may already be queued when the timer is destroyed.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>();
};

class CoarseTimer final : public Timer {
 public:
  CoarseTimer(Reactor::Impl& impl, Instant at, std::function<void()> f)
      : impl_(impl), place_(impl.coarse.emplace(at, [this, f = std::move(f)] {
          armed_ = false;
          f();  // this may be gone behind it
        })) {}
  ~CoarseTimer() override {
    if (armed_) impl_.coarse.erase(place_);
  }

 private:
  Reactor::Impl& impl_;
  bool armed_ = true;
  std::multimap<Instant, std::function<void()>>::iterator place_;
};

}  // namespace

Reactor::Reactor() : impl_(std::make_unique<Impl>()) {
  impl_->network = std::make_unique<TcpNetwork>(*this);
}
Reactor::~Reactor() = default;

Network& Reactor::network() { return *impl_->network; }

Instant Reactor::now() const {
  timespec ts;
  ::clock_gettime(CLOCK_BOOTTIME, &ts);
  return Instant(std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec));
}

void Reactor::post(std::function<void()> f) { asio::post(impl_->context, std::move(f)); }

std::unique_ptr<Timer> Reactor::after(Duration delay, std::function<void()> f) {
  if (delay < kCoarseMin) return std::make_unique<AsioTimer>(impl_->context, delay, std::move(f));
  return std::make_unique<CoarseTimer>(*impl_, now() + delay, std::move(f));
}

void Reactor::at_turn_end(std::function<void()> hook) {
  impl_->turn_end.push_back(std::move(hook));
}

void Reactor::run() {
  impl_->stopped = false;
  while (!impl_->stopped) {
    wait();
    for (int i = 0; i < kHandlersPerTurnMax && impl_->context.poll_one() > 0; ++i) {
    }
    fire_coarse();
    for (auto& hook : impl_->turn_end) hook();
    auto after_turn = std::exchange(impl_->after_turn, {});
    for (auto& f : after_turn) f();
  }
}

// Until something is ready, which it handles, or the first coarse timer is due.
void Reactor::wait() {
  if (impl_->coarse.empty()) {
    impl_->context.run_one();
  } else {
    impl_->context.run_one_for(std::max(impl_->coarse.begin()->first - now(), Duration::zero()));
  }
}

void Reactor::fire_coarse() {
  // Those that are made meanwhile wait for the next turn.
  const Instant until = now();
  while (!impl_->coarse.empty() && impl_->coarse.begin()->first <= until) {
    auto due = impl_->coarse.extract(impl_->coarse.begin());
    due.mapped()();
  }
}

void Reactor::stop() {
  post([this] { impl_->stopped = true; });
}

void Reactor::on_signal(std::function<void(int)> f) {
  impl_->signals = std::make_unique<asio::signal_set>(impl_->context, SIGINT, SIGTERM);
  auto wait = std::make_shared<std::function<void()>>();
  *wait = [this, f = std::move(f), weak = std::weak_ptr(wait)] {
    impl_->signals->async_wait([f, keep = weak.lock()](ErrorCodeAsio error, int number) {
      if (error) return;
      (*keep)();
      f(number);
    });
  };
  (*wait)();
}

std::int64_t wall_clock_nanoseconds() {
  timespec ts;
  ::clock_gettime(CLOCK_REALTIME, &ts);
  return static_cast<std::int64_t>(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

Duration thread_processor_time() {
  timespec ts;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
  return std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec);
}

std::uint64_t entropy() {
  std::uint64_t bits = 0;
  CHECK(::getrandom(&bits, sizeof bits, 0) == sizeof bits);
  return bits;
}

}  // namespace polis::io
