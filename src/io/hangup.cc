#include "io/hangup.hh"

#include <csignal>

#include "io/asio.hh"

namespace polis::io {

struct Hangup::Impl {
  Impl(Reactor& reactor, std::function<void()> called)
      : f(std::move(called)), signals(reactor.impl().context, SIGHUP) {}
  void wait() {
    signals.async_wait([this](ErrorCodeAsio error, int) {
      if (error) return;  // destroyed
      wait();
      f();
    });
  }
  std::function<void()> f;
  asio::signal_set signals;
};

Hangup::Hangup(Reactor& reactor, std::function<void()> f)
    : impl_(std::make_unique<Impl>(reactor, std::move(f))) {
  impl_->wait();
}
Hangup::~Hangup() = default;

}  // namespace polis::io
