#include "sim/stream_network.hh"

#include <fmt/format.h>

#include "base/check.hh"
#include "sim/wire_connection.hh"

namespace polis::sim {
namespace {

using namespace std::chrono_literals;

// Linux: the time after which an unanswered connection attempt is made again; it doubles.
constexpr Duration kConnectRetry = 1s;
constexpr std::size_t kHandshakeBytes = 60;

// For an event that gives it to somebody. If the event is forgotten, the stream is closed with it.
std::shared_ptr<std::unique_ptr<io::Stream>> shared(std::unique_ptr<io::Stream> stream) {
  return std::make_shared<std::unique_ptr<io::Stream>>(std::move(stream));
}

}  // namespace

// --- the network

StreamNetwork::~StreamNetwork() { CHECK(hosts_.empty()); }

std::string StreamNetwork::next_address() {
  const std::uint64_t number = next_host_++;
  return fmt::format("10.0.{}.{}", number / 250, 1 + number % 250);
}

std::unique_ptr<StreamHost> StreamNetwork::add_host(Machine& machine, const std::string& name) {
  const std::uint64_t number = next_host_;
  auto host = std::make_unique<StreamHost>(*this, machine, number, next_address());
  hosts_[host->address()] = host.get();
  set_name(name, *host);
  return host;
}

void StreamNetwork::forget_connections(const StreamHost& host) {
  for (const auto& known : connections_) {
    auto connection = known.lock();
    for (std::size_t side = 0; connection && side < 2; ++side) {
      if (&connection->end(side).host() == &host) connection->end(side).forget();
    }
  }
}

void StreamNetwork::remove(const StreamHost& host) {
  forget_connections(host);
  hosts_.erase(host.address());
}

void StreamNetwork::cut(const StreamHost& from, const StreamHost& to) {
  cut_.insert({from.number(), to.number()});
}
void StreamNetwork::heal() { cut_.clear(); }

void StreamNetwork::set_name(const std::string& name, const StreamHost& host) {
  names_[name] = host.address();
}

void StreamNetwork::move(StreamHost& host) {
  hosts_.erase(host.address());
  host.set_address(next_address());
  hosts_[host.address()] = &host;
}

std::optional<std::string> StreamNetwork::resolve(const std::string& host) const {
  if (auto found = names_.find(host); found != names_.end()) return found->second;
  if (host.starts_with("10.")) return host;
  return std::nullopt;
}

StreamHost* StreamNetwork::host_at(const std::string& address) {
  auto found = hosts_.find(address);
  return found == hosts_.end() ? nullptr : found->second;
}

void StreamNetwork::carry(const std::string& from, const std::string& to, std::size_t bytes,
                          Instant& not_before, std::function<void(StreamHost&)> arrive) {
  const StreamHost* sender = host_at(from);
  if (sender == nullptr || !sender->powered()) return;
  const auto low = static_cast<std::uint64_t>(quality_.delay_min.count()),
             high = static_cast<std::uint64_t>(quality_.delay_max.count());
  const Duration on_the_wire(
      static_cast<std::int64_t>(bytes * 1'000'000'000 / quality_.bytes_per_second));
  const Duration delay(static_cast<std::int64_t>(random_.between(low, high)));
  if (random_.chance(quality_.loss)) return;
  not_before = std::max(not_before + on_the_wire, world_.now() + on_the_wire + delay);
  world_.at(not_before, [this, from, to, arrive = std::move(arrive)] {
    StreamHost* source = host_at(from);
    StreamHost* target = host_at(to);
    if (source == nullptr || target == nullptr || !target->powered()) return;
    if (!cut_.contains({source->number(), target->number()})) arrive(*target);
  });
}

void StreamNetwork::add(const std::shared_ptr<WireConnection>& connection) {
  std::erase_if(connections_, [](const auto& known) { return known.expired(); });
  connections_.push_back(connection);
  ++made_;
}

// Those that have not ended on either side.
std::vector<std::shared_ptr<WireConnection>> StreamNetwork::connections_of(const StreamHost& host) {
  std::vector<std::shared_ptr<WireConnection>> found;
  for (const auto& known : connections_) {
    auto connection = known.lock();
    if (!connection || connection->end(0).dead() || connection->end(1).dead()) continue;
    if (&connection->end(0).host() == &host || &connection->end(1).host() == &host)
      found.push_back(std::move(connection));
  }
  return found;
}

bool StreamNetwork::reset_one(const StreamHost& host, Random& random) {
  const auto all = connections_of(host);
  if (all.empty()) return false;
  all[random.below(all.size())]->reset();
  ++resets_;
  return true;
}

bool StreamNetwork::mute_one(const StreamHost& host, Random& random) {
  const auto all = connections_of(host);
  if (all.empty()) return false;
  WireConnection& one = *all[random.below(all.size())];
  const std::uint64_t which = random.below(3);
  if (which != 1) one.mute(0);
  if (which != 0) one.mute(1);
  return true;
}

Fate StreamNetwork::look(const StreamHost& from, const StreamHost& to, std::string_view bytes) {
  if (!look_) return Fate::kPasses;
  const Fate fate = look_(from, to, bytes);
  resets_ += fate == Fate::kResets;
  return fate;
}

// --- a host

class StreamHost::Listening final : public io::Listener {
 public:
  Listening(StreamHost& host, std::uint16_t port) : host_(host), port_(port) {}
  ~Listening() override { host_.listeners_.erase(port_); }
  std::uint16_t port() const override { return port_; }

 private:
  StreamHost& host_;
  std::uint16_t port_;
};

// Somebody who connects. What is under way holds the state; who gives up empties it.
class StreamHost::Attempt final : public io::Connecting {
 public:
  struct State {
    StreamHost& host;
    io::Address address;
    Connected done;  // null: it is over
    std::unique_ptr<io::Timer> timeout;
    Duration retry = kConnectRetry;
    Instant in_order{};
  };

  Attempt(StreamHost& host, const io::Address& address, Duration timeout, Connected done)
      : state_(std::make_shared<State>(State{host, address, std::move(done), {}})) {
    auto state = state_;
    state->timeout = host.machine_.after(timeout, [state] { finish(state, "timed out"); });
    // To look a name up takes time.
    World& world = host.network_.world();
    const Duration lookup(static_cast<std::int64_t>(host.network_.random().below(2'000'000)));
    world.after(lookup, [state] { ask(state); });
  }
  ~Attempt() override {
    state_->done = nullptr;
    state_->timeout.reset();
  }

 private:
  using Shared = std::shared_ptr<State>;  // shared by the attempt and what is under way for it

  // Over and over, until somebody answers.
  static void ask(const Shared& state) {
    if (!state->done) return;
    StreamNetwork& network = state->host.network_;
    const auto target = network.resolve(state->address.host);
    if (!target) return refuse(state, "Host not found (authoritative)");
    network.carry(state->host.address_, *target, kHandshakeBytes, state->in_order,
                  [state](StreamHost& server) { answer(state, server); });
    network.world().after(std::exchange(state->retry, 2 * state->retry), [state] { ask(state); });
  }

  static void answer(const Shared& state, StreamHost& server) {
    const bool listens = server.listens(state->address.port);
    Instant in_order{};
    server.network_.carry(server.address_, state->host.address_, kHandshakeBytes, in_order,
                          [state, &server, listens](StreamHost&) {
                            if (!listens) return refuse(state, "Connection refused");
                            stand(state, server);
                          });
  }

  static void stand(const Shared& state, StreamHost& server) {
    if (!state->done) return;
    auto connection = std::make_shared<WireConnection>(state->host, server, state->address.port);
    state->host.network_.add(connection);
    connection->end(0).greet();
    auto stream = shared(connection->stream(0));
    state->host.machine_.deliver([state, stream] {
      if (!state->done) return;
      auto done = std::exchange(state->done, nullptr);
      state->timeout.reset();
      done(std::move(*stream));
    });
  }

  static void refuse(const Shared& state, const std::string& reason) {
    if (!state->done) return;
    state->host.machine_.deliver([state, reason] { finish(state, reason); });
  }

  static void finish(const Shared& state, const std::string& reason) {
    auto done = std::exchange(state->done, nullptr);
    if (!done) return;
    auto keep = std::move(state->timeout);
    done(fail(ErrorCode::kUnavailable,
              fmt::format("cannot connect to {}: {}", state->address.text(), reason)));
  }

  Shared state_;
};

StreamHost::StreamHost(StreamNetwork& network, Machine& machine, std::uint64_t number,
                       std::string address)
    : network_(network), machine_(machine), number_(number), address_(std::move(address)) {}

StreamHost::~StreamHost() { network_.remove(*this); }

void StreamHost::lose_power() {
  powered_ = false;
  network_.forget_connections(*this);
}

Result<std::unique_ptr<io::Listener>> StreamHost::listen(const io::Address& address,
                                                         Accepted accepted) {
  if (address.is_unix() || (!address.unspecified() && network_.resolve(address.host) != address_)) {
    return fail(ErrorCode::kInvalid, fmt::format("cannot listen on {}: Cannot assign requested "
                                                 "address",
                                                 address.text()));
  }
  std::uint16_t port = address.port;
  while (port == 0) port = listens(number_of_next_port()) ? 0 : next_port_;
  if (listens(port)) {
    return fail(ErrorCode::kUnavailable, fmt::format("address {} is in use by another process; "
                                                     "stop it or choose another port",
                                                     address.text()));
  }
  listeners_[port] = std::make_shared<Accepted>(std::move(accepted));
  return std::make_unique<Listening>(*this, port);
}

std::unique_ptr<io::Connecting> StreamHost::connect(const io::Address& address, Duration timeout,
                                                    Connected done) {
  return std::make_unique<Attempt>(*this, address, timeout, std::move(done));
}

bool StreamHost::accept(std::uint16_t port, std::unique_ptr<io::Stream> stream) {
  auto found = listeners_.find(port);
  if (found == listeners_.end()) return false;
  machine_.deliver([listening = std::weak_ptr(found->second), stream = shared(std::move(stream))] {
    if (auto accepted = listening.lock()) (*accepted)(std::move(*stream));
  });
  return true;
}

}  // namespace polis::sim
