#include "sim/typed_workload.hh"

#include <fmt/format.h>

#include <map>

#include "sim/checkers.hh"

namespace polis::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLookInterval = 20ms;

}  // namespace

// A process with at most one session, and at most one lock on it. What ends is destroyed in an
// event of its own.
struct TypedLocks::Client {
  Client(StreamNetwork& network, std::size_t number, const std::vector<io::Address>& endpoints)
      : process(network, fmt::format("locks{}", number), endpoints) {}

  WireClient process;
  std::unique_ptr<client::Session> session;
  std::unique_ptr<client::Lock> lock;
  std::uint64_t step = 0;  // what was planned at earlier ones is void
};

TypedLocks::TypedLocks(StreamNetwork& network, const std::vector<io::Address>& endpoints,
                       Options options)
    : world_(network.world()), random_(network.random().next()), options_(options) {
  for (std::size_t i = 0; i < options.clients; ++i)
    clients_.push_back(std::make_unique<Client>(network, i, endpoints));
}

TypedLocks::~TypedLocks() = default;

WireClient& TypedLocks::process(std::size_t client) { return clients_[client]->process; }

Duration TypedLocks::below(Duration max) {
  return Duration(
      static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(max.count()))));
}

void TypedLocks::start() {
  for (auto& client : clients_) rest(*client);
  look();
}

// Locks are looked at from outside: a process that stands still does not look at its own.
void TypedLocks::look() {
  std::size_t holders = 0;
  for (auto& client : clients_) holders += client->lock && client->lock->token();
  if (holders > 1) throw Violation(fmt::format("{} clients hold one lock", holders));
  world_.after(kLookInterval, [this] { look(); });
}

void TypedLocks::rest(Client& client) {
  client.process.machine().post([this, &client, step = ++client.step] {
    if (client.step != step) return;
    client.lock.reset();
    client.session.reset();
    if (stopping_) return;
    world_.after(below(1s), [this, &client, step] {
      client.process.machine().deliver([this, &client, step] {
        if (client.step == step && !stopping_) open(client);
      });
    });
  });
}

void TypedLocks::open(Client& client) {
  client.session = std::make_unique<client::Session>(
      client.process.client(), client.process.machine(),
      client::SessionOptions{.ttl = std::chrono::seconds(random_.between(2, 6)),
                             .drift_max = options_.drift_max},
      client::SessionHandlers{.opened = [this, &client] { want(client); },
                              .lost = [this, &client](const Error&) { rest(client); }});
}

void TypedLocks::want(Client& client) {
  client.lock = std::make_unique<client::Lock>(
      *client.session, kUntold + std::string("lock"),
      client::LockHandlers{.held = [this, &client](client::FencingToken t) { on_held(client, t); },
                           .lost = [this, &client](const Error&) { rest(client); }});
}

void TypedLocks::on_held(Client& client, client::FencingToken token) {
  ++held_;
  if (token.value <= newest_)
    throw Violation(fmt::format("a lock is given with token {} after {}", token.value, newest_));
  newest_ = token.value;
  for (auto& other : clients_) {
    if (other.get() != &client && other->lock && other->lock->token())
      throw Violation("a lock is given to a second client while the first one holds it");
  }
  world_.after(below(4s), [this, &client, step = ++client.step] {
    client.process.machine().deliver([this, &client, step] {
      if (client.step == step) let_go(client);
    });
  });
}

// In order, with the session alone, or without a word.
void TypedLocks::let_go(Client& client) {
  const std::uint64_t how = random_.below(3);
  if (how == 0) client.lock->release([](const client::Outcome<client::Nothing>&) {});
  if (how == 1) client.session->close([](const client::Outcome<client::Nothing>&) {});
  world_.after(below(500ms), [this, &client, step = ++client.step] {
    if (client.step == step) rest(client);
  });
}

TypedWatch::TypedWatch(StreamNetwork& network, std::vector<io::Address> endpoints,
                       const History& history)
    : history_(history), process_(network, "typed-watch", std::move(endpoints)) {
  watch_ = std::make_unique<client::Watch>(
      process_.client(), process_.machine(),
      client::WatchOptions{.keys = client::Keys::all(), .from = client::Revision(2)},
      client::WatchHandlers{
          .changes = [this](const client::Changes& changes) { on_changes(changes); },
          .missed = [this](const client::Missed& missed) { on_missed(missed); },
          .ended =
              [](const client::WatchEnded& ended) {
                throw Violation("a watch ended for good: " + ended.why);
              }});
}

void TypedWatch::on_changes(const client::Changes& changes) {
  std::map<std::uint64_t, std::vector<Change>> got;
  for (const client::Event& event : changes.events)
    got[static_cast<std::uint64_t>(event.now.changed.value)].push_back(
        {event.now.key, event.kind == client::Event::Kind::kDelete, event.now.value});
  for (const auto& [revision, told] : got) {
    if (revision != next_)
      throw Violation(fmt::format("the library's watch at {} tells revision {}", next_, revision));
    auto known = history_.changes.find(revision);
    if (known == history_.changes.end() || known->second != told)
      throw Violation(
          fmt::format("the library's watch tells other changes of revision {} than "
                      "there are",
                      revision));
    next_ = revision + 1;
  }
}

void TypedWatch::on_missed(const client::Missed& missed) {
  if (missed.why != client::MissedWhy::kCompacted ||
      static_cast<std::uint64_t>(missed.first.value) != next_ || missed.last < missed.first)
    throw Violation(fmt::format("the library's watch at {} says that it missed {} to {}", next_,
                                missed.first.value, missed.last.value));
  next_ = static_cast<std::uint64_t>(missed.last.value) + 1;
}

}  // namespace polis::sim
