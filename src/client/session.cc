#include "client/session.hh"

#include <optional>
#include <set>

#include "client/keep_alive.hh"

namespace polis::client {
namespace {

// Whoever closes waits no longer for the revocation than for any other call.
constexpr Duration kRevokeTimeout = kCallTimeout;

Duration seconds(std::int64_t n) {
  return std::chrono::seconds(std::min<std::int64_t>(n, 9'000'000'000));
}

}  // namespace

struct Session::Impl {
  Client& client;
  io::Loop& loop;
  const SessionOptions options;
  const SessionHandlers handlers;
  Calls calls;
  Kv kv;
  LeaseId lease;
  std::optional<KeepAlive> keep_alive;  // while the session stands
  bool over = false;
  Instant grant_sent, grant_deadline;

  std::unique_ptr<http::ClientCall> call;
  io::Address endpoint;               // of the call
  std::vector<std::int64_t> answers;  // that came since the last round: seconds
  bool closed = false;                // the call, since then
  std::unique_ptr<io::Timer> timer;
  bool scheduled = false;
  std::vector<std::weak_ptr<Ended>> dependents;
  std::set<std::string> reserved;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);  // held weakly by what is posted
  std::shared_ptr<bool> stream;  // held weakly by the callbacks of the call that is open

  Impl(Client& c, io::Loop& l, SessionOptions o, SessionHandlers h)
      : client(c), loop(l), options(o), handlers(std::move(h)), calls(c, l), kv(c, l) {}

  bool valid() const { return !over && keep_alive && loop.now() < keep_alive->valid_until(); }

  // --- getting the lease

  // A grant that has no answer is asked for again: a lease that nobody knows ends by itself.
  void grant() {
    grant_sent = loop.now();
    const Duration left = grant_deadline - grant_sent;
    if (left <= Duration::zero())
      return end(Error{ErrorCode::kUnavailable, "no lease could be got: nobody answered in time"});
    const Duration attempt =
        std::min<Duration>(left, std::max<Duration>(options.ttl / 3, left / 4));
    calls.call("/etcdserverpb.Lease/LeaseGrant", wire::encode_grant(options.ttl.count()), attempt,
               Repeat::kNever, [this](const Outcome<std::string>& answer) { on_granted(answer); });
  }

  void on_granted(const Outcome<std::string>& answer) {
    if (over) return;
    if (answer.failed() && answer.error().code != ErrorCode::kUnavailable)
      return end(answer.error());
    std::optional<wire::Granted> granted;
    if (answer.done()) granted = wire::decode_granted(answer.value());
    const Instant now = loop.now();
    // One that took so long is of no use.
    if (!granted || granted->ttl_seconds <= 0 ||
        now >= grant_sent + seconds(granted->ttl_seconds) / 2) {
      timer = loop.after(std::chrono::milliseconds(50), [this] {
        auto keep = std::move(timer);
        grant();
      });
      return;
    }
    lease = granted->lease;
    keep_alive.emplace(KeepAlive::Options{.drift_max = options.drift_max},
                       seconds(granted->ttl_seconds), grant_sent, now);
    if (perform() && handlers.opened) std::function(handlers.opened)();
  }

  // --- keeping it

  void schedule() {
    if (std::exchange(scheduled, true)) return;
    loop.post([this, still = std::weak_ptr(alive)] {
      if (still.expired()) return;
      scheduled = false;
      round();
    });
  }

  // What came from a stream is handled in a round of its own: a stream must not be ended within
  // its own callbacks.
  void round() {
    if (!keep_alive) return;
    const Instant now = loop.now();
    for (std::int64_t ttl : std::exchange(answers, {})) keep_alive->on_answer(seconds(ttl), now);
    if (std::exchange(closed, false)) keep_alive->on_closed(now);
    perform();
  }

  // False: the session is over, and may be gone.
  bool perform() {
    const KeepAlive::Output output = keep_alive->take_output();
    if (output.close) end_stream();
    // Somebody else may have left the endpoint already.
    if (output.move_on && client.endpoint() == endpoint) client.move_on();
    if (output.lost) {
      end(Error{ErrorCode::kNotFound, *output.lost});
      return false;
    }
    if (output.open) begin_stream();
    if (output.send && call) call->send(wire::encode_keep_alive(lease));
    timer = loop.after(std::max(output.wake - loop.now(), Duration::zero()), [this] {
      auto keep = std::move(timer);
      keep_alive->on_time(loop.now());
      perform();
    });
    return true;
  }

  void begin_stream() {
    end_stream();
    endpoint = client.endpoint();
    stream = std::make_shared<bool>(true);
    call = client.stream(
        "/etcdserverpb.Lease/LeaseKeepAlive",
        [this, open = std::weak_ptr(stream)](std::string_view bytes) {
          if (open.expired()) return;
          if (auto ttl = wire::decode_kept_alive(bytes)) answers.push_back(*ttl);
          schedule();
        },
        [this, open = std::weak_ptr(stream)](const http::GrpcStatus&) {
          if (open.expired()) return;
          closed = true;
          schedule();
        },
        {{"hasleader", "true"}});
  }

  void end_stream() {
    stream.reset();
    call.reset();
    answers.clear();
    closed = false;
  }

  // --- the end

  void stop() {
    over = true;
    end_stream();
    timer.reset();
  }

  // Tells everybody; it may destroy this.
  void end(const Error& why) {
    if (over) return;
    stop();
    if (!tell_dependents(why)) return;
    if (auto lost = handlers.lost) lost(why);
  }

  // False: this is gone.
  bool tell_dependents(const Error& why) {
    std::weak_ptr still = alive;
    for (const auto& weak : std::exchange(dependents, {})) {
      if (auto dependent = weak.lock()) (*dependent)(why);
      if (still.expired()) return false;
    }
    return true;
  }
};

Session::Session(Client& client, io::Loop& loop, SessionOptions options, SessionHandlers handlers)
    : impl_(std::make_unique<Impl>(client, loop, options, std::move(handlers))) {
  CHECK(options.ttl >= std::chrono::seconds(1));
  CHECK(options.drift_max >= 0 && options.drift_max < 1);
  impl_->grant_deadline = loop.now() + options.open_timeout;
  impl_->grant();
}

Session::~Session() = default;

LeaseId Session::lease() const { return impl_->lease; }
bool Session::valid() const { return impl_->valid(); }

Instant Session::valid_until() const {
  if (impl_->over || !impl_->keep_alive) return Instant::min();
  return impl_->keep_alive->valid_until();
}

void Session::close(std::function<void(Outcome<Nothing>)> done) {
  if (impl_->over) {
    return impl_->loop.post([done = std::move(done)] {
      done(fail(ErrorCode::kInvalid, "the session is over already"));
    });
  }
  impl_->stop();
  const LeaseId lease = impl_->lease;
  if (!impl_->tell_dependents({ErrorCode::kInvalid, "the session was closed"})) return;
  if (lease == LeaseId(0)) {
    // A grant that is under way ends by itself.
    return impl_->loop.post([done = std::move(done)] { done(Nothing()); });
  }
  impl_->calls.call("/etcdserverpb.Lease/LeaseRevoke", wire::encode_revoke(lease), kRevokeTimeout,
                    Repeat::kSafe, [done = std::move(done)](Outcome<std::string> answer) {
                      if (answer.done()) return done(Nothing());
                      // There is none any more: that is what was wanted.
                      if (answer.error().code == ErrorCode::kNotFound) return done(Nothing());
                      done(std::unexpected(answer.error()));
                    });
}

std::shared_ptr<Session::Ended> Session::on_end(Ended f) {
  std::erase_if(impl_->dependents, [](const auto& one) { return one.expired(); });
  auto made = std::make_shared<Ended>(std::move(f));
  impl_->dependents.push_back(made);
  return made;
}

bool Session::reserve(const std::string& key) { return impl_->reserved.insert(key).second; }
void Session::unreserve(const std::string& key) { impl_->reserved.erase(key); }
Kv& Session::kv() { return impl_->kv; }
Client& Session::client() { return impl_->client; }
io::Loop& Session::loop() { return impl_->loop; }

}  // namespace polis::client
