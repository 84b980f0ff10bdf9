#include "sim/wire_scenarios.hh"

#include <fmt/format.h>

#include "sim/forwarder.hh"
#include "sim/stage.hh"
#include "sim/wire_cell.hh"
#include "sim/wire_workload.hh"

namespace polis::sim {
namespace {

using namespace etcdserverpb;
using namespace std::chrono_literals;
using consensus::Protocol;

constexpr std::uint64_t kSeeds = 4;

// A cell of three and a client that knows some of its addresses.
struct WireStage {
  WireCell wire;
  WireKeys client;

  WireStage(Protocol protocol, std::uint64_t seed, WireQuality quality = {},
            std::vector<io::Address> endpoints = {})
      : wire(seed, {.protocol = protocol, .replicas = 3}, quality),
        client(wire.network(), endpoints.empty() ? wire.endpoints() : endpoints, wire.history(),
               {.number = 1}) {
    wire.master();
  }

  // What became of it, within ten seconds.
  Outcome put(WireKeys& by, const std::string& key, const std::string& value) {
    auto told = begin_put(by, key, value);
    wire.until("a put is answered", [told] { return told->has_value(); });
    return **told;
  }
  Outcome put(const std::string& key, const std::string& value) { return put(client, key, value); }
  // Shared with the callback.
  std::shared_ptr<std::optional<Outcome>> begin_put(WireKeys& by, const std::string& key,
                                                    const std::string& value) {
    auto told = std::make_shared<std::optional<Outcome>>();
    by.process().machine().post([&by, key, value, told] {
      by.put(key, value, [told](Outcome outcome) { *told = outcome; });
    });
    return told;
  }
  void must_put(const std::string& key, const std::string& value) {
    expect(put(key, value) == Outcome::kOk, "a put fails: " + client.process().status().message);
  }
  bool holds(std::size_t place, const std::string& value) {
    for (const auto& [revision, changes] : wire.history().changes) {
      for (const Change& change : changes) {
        if (change.value == value) return wire.node(place).replica().store().revision() >= revision;
      }
    }
    return false;
  }

  void finish() {
    wire.network().heal();
    for (std::size_t place = 0; place < wire.size(); ++place) {
      if (!wire.node(place).up()) wire.start(place);
    }
    wire.until("all replicas stand at one revision", [&] { return wire.settled(); }, 20s);
    wire.check();
  }
};

// Requests, the end of the stream behind them, and what came back.
struct Conversation {
  std::unique_ptr<http::ClientCall> call;
  std::vector<std::string> answers;
  std::optional<http::GrpcStatus> ended;

  void open(WireClient& client, const char* path) {
    call = client.client().stream(
        path, [this](std::string_view bytes) { answers.emplace_back(bytes); },
        [this](const http::GrpcStatus& status) { ended = status; });
  }
};

void half_closed_keep_alives(Protocol protocol, std::uint64_t seed) {
  // In small pieces, so that the end may come with the requests or long behind them.
  WireStage stage(protocol, seed, {.segment_bytes_max = seed % 2 == 0 ? 40UL : 16384UL});
  stage.must_put("k", "v");
  bool granted = false;
  Conversation talk;
  WireClient& client = stage.client.process();
  client.machine().post([&] {
    LeaseGrantRequest request;
    request.set_id(7);
    request.set_ttl(5);
    client.call<LeaseGrantResponse>(
        kGrantPath, request, 5s,
        [&](Outcome outcome, const LeaseGrantResponse&) { granted = outcome == Outcome::kOk; });
  });
  stage.wire.until("a lease is granted", [&] { return granted; });
  client.machine().post([&] {
    talk.open(client, kKeepAlivePath);
    for (std::int64_t id : {7, 8, 7}) {  // there is no lease 8
      LeaseKeepAliveRequest request;
      request.set_id(id);
      talk.call->send(request.SerializeAsString());
    }
    talk.call->half_close();
  });
  stage.wire.until("the stream ends", [&] { return talk.ended.has_value(); });
  expect(talk.ended->ok(), "the stream ends with " + talk.ended->message);
  expect(talk.answers.size() == 3,
         fmt::format("three keep-alives and a half-close have {} answers", talk.answers.size()));
  stage.finish();
}

void half_closed_watch(Protocol protocol, std::uint64_t seed) {
  WireStage stage(protocol, seed, {.segment_bytes_max = seed % 2 == 0 ? 40UL : 16384UL});
  WireWatch watch(stage.wire.network(), stage.wire.endpoints(), stage.wire.history(),
                  {.number = 1, .half_closes = true});
  watch.start();
  for (int i = 0; i < 20; ++i) {
    stage.must_put("k", fmt::format("v{}", i));
    stage.wire.run_for(1s);
  }
  stage.wire.until("a half-closed watch sees all changes",
                   [&] { return watch.seen() == stage.wire.history().changes.rbegin()->first; });
  expect(watch.streams() == 1, "a half-closed watch was opened again");
  stage.finish();
}

// One client watches everything and stands still; the others write a lot and wait for nothing.
void slow_reader(Protocol protocol, std::uint64_t seed) {
  WireStage stage(protocol, seed, {.room_bytes_max = 8192});
  History& history = stage.wire.history();
  const std::vector only{WireCell::address_of(0)};  // all at one replica
  WireWatch slow(stage.wire.network(), only, history, {.number = 1});
  WireWatch quick(stage.wire.network(), only, history, {.number = 2});
  WireKeys writer(stage.wire.network(), only, history, {.number = 2});
  slow.start();
  quick.start();
  stage.must_put("k", "first");
  stage.wire.until("both watches stand", [&] { return slow.seen() > 1 && quick.seen() > 1; });
  slow.process().machine().pause(15s);
  for (int i = 0; i < 200; ++i) {
    const Instant before = stage.wire.world().now();
    expect(
        stage.put(writer, "k", fmt::format("{}-{}", i, std::string(10'000, 'x'))) == Outcome::kOk,
        "a put beside a slow reader fails: " + writer.process().status().message);
    expect(stage.wire.world().now() - before < 500ms, "a put waits for somebody who does not read");
  }
  const std::uint64_t newest = history.changes.rbegin()->first;
  stage.wire.until("the other watch sees all", [&] { return quick.seen() == newest; }, 1s);
  expect(slow.seen() < newest, "a client that stands still has read all");
  stage.wire.until("the slow one reads on", [&] { return slow.seen() == newest; }, 30s);
  expect(slow.streams() == 1, "the slow reader's watch was opened again");
  stage.finish();
}

// A client reaches each replica through a forwarder; the one that it uses begins to lie.
void forwarder_lies_to_clients(Protocol protocol, std::uint64_t seed) {
  WireStage stage(protocol, seed);
  StreamNetwork& network = stage.wire.network();
  std::vector<std::unique_ptr<Forwarder>> doors;
  std::vector<io::Address> endpoints;
  for (std::size_t place = 0; place < 3; ++place) {
    doors.push_back(std::make_unique<Forwarder>(network, fmt::format("door{}", place + 1), 1,
                                                WireCell::address_of(place)));
    endpoints.push_back(doors.back()->address());
  }
  History& history = stage.wire.history();
  WireWatch watch(network, endpoints, history, {.number = 1});
  WireLeases leases(network, endpoints, history, {.number = 1, .ttl_max = 8});
  WireKeys keys(network, endpoints, history, {.number = 2});
  watch.start();
  leases.start();
  keys.start();
  for (int round = 0; round < 6; ++round) {
    doors[round % 3]->set_mode(round < 3 ? Forwarder::Mode::kLeadsNowhere
                                         : Forwarder::Mode::kCloses);
    stage.wire.run_for(8s);
    doors[round % 3]->set_mode(Forwarder::Mode::kForwards);
  }
  keys.stop();
  leases.stop();
  stage.must_put("k", "last");
  // The library asks a silent connection after 10 s whether it lives, and waits for 5.
  stage.wire.until(
      "a watch leaves a forwarder that lies",
      [&] { return watch.seen() == history.changes.rbegin()->first; }, 20s);
  // Behind honest forwarders there are twenty, and a lease is given up as soon as its client is
  // stuck.
  expect(leases.renewals() > 5, fmt::format("only {} leases were kept alive", leases.renewals()));
  stage.finish();
}

// Replicas reach each other through forwarders. The one in front of the master goes on to take
// connections when the master is gone, and has nothing behind it.
void forwarder_lies_to_replicas(Protocol protocol, std::uint64_t seed) {
  WireStage stage(protocol, seed);
  WireCell& wire = stage.wire;
  std::vector<std::unique_ptr<Forwarder>> doors;
  std::vector<io::Address> clients;  // past the forwarders
  for (std::size_t place = 0; place < 3; ++place) {
    const std::string address = wire.host(place).address();
    clients.push_back({address, kClientPort, ""});
    doors.push_back(std::make_unique<Forwarder>(wire.network(), fmt::format("door{}", place + 1),
                                                kPeerPort, io::Address{address, kPeerPort, ""}));
    wire.network().set_name(WireCell::name_of(place), doors[place]->host());
    wire.crash(place, Ending::kKilled);
  }
  for (std::size_t place = 0; place < 3; ++place) wire.start(place);
  const std::size_t master = wire.master();
  clients.erase(clients.begin() + static_cast<long>(master));
  wire.run_for(3s);
  doors[master]->set_mode(Forwarder::Mode::kLeadsNowhere);
  wire.crash(master, Ending::kKilled);
  WireKeys others(wire.network(), clients, wire.history(), {.number = 2});
  const Instant before = wire.world().now();
  Outcome outcome;
  do outcome = stage.put(others, "k", fmt::format("{}", wire.world().events()));
  while (outcome != Outcome::kOk && wire.world().now() < before + 10s);
  expect(outcome == Outcome::kOk && wire.world().now() < before + 5s,
         "two replicas without their master do not serve within 5 s");
  wire.start(master);
  wire.run_for(2s);
  expect(stage.put(others, "k", "while it is outside") == Outcome::kOk, "a put fails");
  doors[master]->set_mode(Forwarder::Mode::kForwards);
  wire.until(
      "the restarted replica is back", [&] { return stage.holds(master, "while it is outside"); },
      5s);
  stage.finish();
}

// A replica comes back elsewhere, and its name follows some seconds later.
void address_changes(Protocol protocol, std::uint64_t seed) {
  WireStage stage(protocol, seed);
  History& history = stage.wire.history();
  const std::size_t moved = (stage.wire.master() + seed % 2) % 3;  // the master, or a follower
  WireKeys client(stage.wire.network(), {WireCell::address_of(moved)}, history, {.number = 2});
  WireWatch watch(stage.wire.network(), {WireCell::address_of(moved)}, history, {.number = 1});
  watch.start();
  expect(stage.put(client, "k", "before") == Outcome::kOk, "a put fails");
  stage.wire.crash(moved, Ending::kPowerFails);
  stage.wire.network().move(stage.wire.host(moved));
  stage.wire.start(moved);
  stage.wire.run_for(3s);
  stage.wire.network().set_name(WireCell::name_of(moved), stage.wire.host(moved));
  stage.must_put("k", "while it moves");
  stage.wire.until("the others find a replica at its new address",
                   [&] { return stage.holds(moved, "while it moves"); });
  // The connection to the old address is silent: the library has to notice that.
  bool served = false;
  for (int i = 0; i < 5 && !served; ++i)
    served = stage.put(client, "k", fmt::format("after {}", i)) == Outcome::kOk;
  expect(served, "a client does not find a replica that has moved");
  stage.wire.until(
      "a watch follows its replica",
      [&] { return watch.seen() == history.changes.rbegin()->first; }, 20s);
  stage.finish();
}

// The put has taken effect, and the connection is reset while its answer is on its way.
void reset_in_an_answer(Protocol protocol, std::uint64_t seed) {
  WireStage stage(protocol, seed, {}, {WireCell::address_of(0), WireCell::address_of(1)});
  stage.must_put("k", "before");
  const StreamHost* client = &stage.client.process().host();
  const std::uint64_t revision = stage.wire.history().changes.rbegin()->first;
  std::size_t answered = 0;
  stage.wire.network().set_look(
      [&](const StreamHost& from, const StreamHost& to, std::string_view bytes) {
        const std::size_t place = &from == &stage.wire.host(0) ? 0 : 1;
        const bool concerned = &from == &stage.wire.host(place) && &to == client;
        if (!concerned || stage.wire.node(place).replica().store().revision() == revision)
          return Fate::kPasses;
        answered += bytes.size();
        return answered >= seed ? Fate::kResets : Fate::kPasses;
      });
  const Outcome outcome = stage.put("k", "asked once");
  stage.wire.network().set_look({});
  expect(stage.wire.network().resets() > 0, "nothing was reset");
  const std::string words = stage.client.process().status().message;
  expect(outcome != Outcome::kOk, "a put is acknowledged although its answer never came");
  expect(outcome == Outcome::kUnknown && words.find("is not known") != std::string::npos,
         "an unknown outcome is not told as such: " + words);
  stage.must_put("k", "after");  // and the first one has happened once, as the checkers see
  stage.finish();
}

// The network forgets the connection of a watch, as a router does that is restarted.
void forgotten_connection(Protocol protocol, std::uint64_t seed) {
  WireStage stage(protocol, seed);
  WireWatch watch(stage.wire.network(), stage.wire.endpoints(), stage.wire.history(),
                  {.number = 1});
  watch.start();
  stage.must_put("k", "before");
  stage.wire.until("a watch stands", [&] { return watch.seen() > 1; });
  Random random(seed);
  expect(stage.wire.network().mute_one(watch.process().host(), random), "there is no connection");
  stage.must_put("k", "after");
  stage.wire.until(
      "a watch leaves a connection that nobody answers on",
      [&] { return watch.seen() == stage.wire.history().changes.rbegin()->first; }, 20s);
  stage.finish();
}

// Two requests wait for an endpoint that refuses: both go on to the next one.
void endpoint_refuses_many(Protocol protocol, std::uint64_t seed) {
  WireStage stage(protocol, seed, {}, {{"r1", 9, ""}, WireCell::address_of(1)});
  auto first = stage.begin_put(stage.client, "a", "first");
  auto second = stage.begin_put(stage.client, "b", "second");
  stage.wire.until("both are answered", [&] { return first->has_value() && second->has_value(); });
  expect(**first == Outcome::kOk && **second == Outcome::kOk, "one of two requests fails");
  stage.finish();
}

// A client goes to another replica while a request is under way at the first one.
void open_calls_outlive_a_move(Protocol protocol, std::uint64_t seed) {
  WireStage stage(protocol, seed);
  stage.must_put("k", "before");
  auto told = stage.begin_put(stage.client, "k", "under way");
  WireClient& client = stage.client.process();
  client.machine().post([&client] { client.client().move_on(); });
  auto next = stage.begin_put(stage.client, "k", "at the next one");
  stage.wire.until("both are answered", [&] { return told->has_value() && next->has_value(); });
  expect(**told == Outcome::kOk && **next == Outcome::kOk, "a put fails when its client moves on");
  stage.finish();
}

// Each replica is stopped in order and comes back, under clients that write and read without a
// pause.
void stops_in_order(Protocol protocol, std::uint64_t seed) {
  WireStage stage(protocol, seed);
  WireCell& wire = stage.wire;
  std::vector<std::unique_ptr<WireKeys>> clients;
  for (std::size_t number = 2; number < 6; ++number) {
    clients.push_back(std::make_unique<WireKeys>(
        wire.network(), wire.endpoints(), wire.history(),
        WireKeys::Options{.number = number, .think_max = std::chrono::milliseconds(5)}));
    clients.back()->start();
  }
  for (std::size_t place = 0; place < wire.size(); ++place) {
    wire.stop(place);
    wire.until("a replica has stopped", [&] { return !wire.node(place).up(); });
    wire.start(place);
    wire.run_for(2s);
  }
  for (auto& one : clients) one->stop();
  stage.finish();
  for (const Operation& operation : wire.history().operations)
    expect(operation.outcome != Outcome::kUnknown || operation.kind == Operation::Kind::kGet,
           "an orderly stop leaves the outcome of a write unknown");
}

using Play = void (*)(Protocol protocol, std::uint64_t seed);

Scenario scenario(const char* name, const char* about, Play play) {
  return {name, about, [play](Protocol protocol) -> std::optional<std::string> {
            for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
              try {
                play(protocol, seed);
              } catch (const Violation& violation) {
                return fmt::format("seed {}: {}", seed, violation.what());
              }
            }
            return std::nullopt;
          }};
}

}  // namespace

std::vector<Scenario> wire_scenarios() {
  return {
      scenario("a_half_closed_stream_of_keep_alives_is_answered",
               "JSON gateways close each stream behind its request", half_closed_keep_alives),
      scenario("a_half_closed_watch_lives_on", "as above", half_closed_watch),
      scenario("a_slow_reader_of_a_watch_stops_nobody_else", "one client must not stop the others",
               slow_reader),
      scenario("a_forwarder_that_leads_nowhere_is_left_by_clients",
               "seen with a container network: connections were taken, and nobody was behind",
               forwarder_lies_to_clients),
      scenario("a_forwarder_that_leads_nowhere_keeps_no_cell_without_a_master",
               "as above: there was no master for 46 s", forwarder_lies_to_replicas),
      scenario("a_replica_whose_name_moves_is_found_again",
               "orchestrators restart machines under other addresses", address_changes),
      scenario("a_reset_in_the_middle_of_an_answer_is_an_unknown_outcome",
               "a write whose answer was lost is neither done nor refused", reset_in_an_answer),
      scenario("a_connection_that_the_network_forgot_is_left", "routers forget silent connections",
               forgotten_connection),
      scenario("all_requests_that_wait_for_a_refusing_endpoint_go_on",
               "seen in simulation: all but the last one were never answered",
               endpoint_refuses_many),
      scenario("replicas_that_stop_in_order_leave_no_outcome_unknown",
               "requests that crossed a server's last word were taken for perhaps carried out",
               stops_in_order),
      scenario("requests_under_way_are_answered_when_their_client_moves_on", "as above",
               open_calls_outlive_a_move),
  };
}

}  // namespace polis::sim
