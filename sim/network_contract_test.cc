// What io::Network promises, asked of the real network and of the simulated one: the same tests run
// on both.

#include <gtest/gtest.h>

#include <functional>

#include "io/reactor.hh"
#include "sim/stream_network.hh"

namespace polis::sim {
namespace {

using namespace std::chrono_literals;
using StreamPtr = std::unique_ptr<io::Stream>;

// Two processes that can reach each other: here they are one, with one loop.
class Place {
 public:
  virtual ~Place() = default;
  virtual io::Loop& loop() = 0;
  virtual io::Network& network() = 0;
  virtual std::string host() const = 0;  // where listeners are reached
  // Runs until it holds. False: it did not within ten seconds.
  virtual bool run_until(const std::function<bool()>& holds) = 0;
};

class RealPlace final : public Place {
 public:
  RealPlace() {
    reactor_.at_turn_end([this] {
      if (holds_ && holds_()) reactor_.stop();
    });
  }
  io::Loop& loop() override { return reactor_; }
  io::Network& network() override { return reactor_.network(); }
  std::string host() const override { return "127.0.0.1"; }
  bool run_until(const std::function<bool()>& holds) override {
    bool late = false;
    auto patience = reactor_.after(10s, [&] {
      late = true;
      reactor_.stop();
    });
    holds_ = holds;
    reactor_.post([] {});
    while (!holds() && !late) reactor_.run();
    holds_ = nullptr;
    return !late;
  }

 private:
  io::Reactor reactor_;
  std::function<bool()> holds_;
};

class SimulatedPlace final : public Place {
 public:
  explicit SimulatedPlace(std::uint64_t seed) : world_(seed), network_(world_, quality(seed)) {
    host_ = network_.add_host(machine_, "here");
  }
  io::Loop& loop() override { return machine_; }
  io::Network& network() override { return *host_; }
  std::string host() const override { return "here"; }
  bool run_until(const std::function<bool()>& holds) override {
    const Instant end = world_.now() + 10s;
    while (!holds()) {
      if (!world_.step(end)) return holds();
    }
    return true;
  }

 private:
  static WireQuality quality(std::uint64_t seed) {
    WireQuality quality;
    if (seed % 2 == 0) quality.loss = 0.05;
    if (seed % 3 == 0) quality.segment_bytes_max = 700;
    if (seed % 4 == 0) quality.room_bytes_max = 3000;
    return quality;
  }
  World world_;
  Machine machine_{world_, 0};
  StreamNetwork network_;
  std::unique_ptr<StreamHost> host_;
};

// One side of a connection, which writes down what it was told.
struct Side {
  StreamPtr stream;
  std::string got;
  std::vector<std::string> ended;
  int writables = 0;

  void start(StreamPtr given) {
    stream = std::move(given);
    stream->start({[this](std::string_view bytes) { got += bytes; },
                   [this](const std::string& reason) { ended.push_back(reason); },
                   [this] { ++writables; }});
  }
};

std::string pattern(std::size_t bytes) {
  std::string text(bytes, 0);
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 31 % 251);
  return text;
}

// 0: the real network; else the seed of a simulated one.
class NetworkContract : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  NetworkContract() {
    if (GetParam() == 0)
      place_ = std::make_unique<RealPlace>();
    else
      place_ = std::make_unique<SimulatedPlace>(GetParam());
    auto listener = network().listen(
        {place_->host(), 0}, [this](StreamPtr stream) { accepted_.push_back(std::move(stream)); });
    EXPECT_TRUE(listener.has_value());
    listener_ = std::move(*listener);
  }
  ~NetworkContract() override {
    accepted_.clear();
    listener_.reset();
    connecting_.reset();
  }

  io::Network& network() { return place_->network(); }
  io::Loop& loop() { return place_->loop(); }
  bool until(const std::function<bool()>& holds) { return place_->run_until(holds); }
  io::Address address() const { return {place_->host(), listener_->port()}; }

  void connect(const io::Address& address) {
    result_.reset();
    connecting_ = network().connect(
        address, 5s, [this](Result<StreamPtr> result) { result_ = std::move(result); });
    EXPECT_FALSE(result_.has_value()) << "told from within connect";
  }
  // Both sides of a connection.
  void join(Side& client, Side& server) {
    connect(address());
    const std::size_t before = accepted_.size();
    ASSERT_TRUE(until([&] { return result_.has_value() && accepted_.size() == before + 1; }));
    ASSERT_TRUE(result_->has_value()) << result_->error().text;
    client.start(std::move(**result_));
    server.start(std::move(accepted_.back()));
    accepted_.pop_back();
  }
  // Writes all of it, as there is room.
  bool send(Side& side, std::string_view bytes) {
    std::size_t at = 0;
    while (at < bytes.size()) {
      const int writables = side.writables;
      at += side.stream->write(bytes.substr(at));
      if (at < bytes.size() && !until([&] { return side.writables > writables; })) return false;
    }
    return true;
  }

  std::unique_ptr<Place> place_;
  std::unique_ptr<io::Listener> listener_;
  std::vector<StreamPtr> accepted_;
  std::unique_ptr<io::Connecting> connecting_;
  std::optional<Result<StreamPtr>> result_;
};

TEST_P(NetworkContract, bytes_arrive_whole_and_in_order_both_ways) {
  Side client, server;
  join(client, server);
  const std::string there = pattern(1 << 20), back = pattern(300'000);
  ASSERT_TRUE(send(client, there));
  ASSERT_TRUE(send(server, back));
  EXPECT_TRUE(until([&] { return server.got.size() == there.size(); }));
  EXPECT_TRUE(until([&] { return client.got.size() == back.size(); }));
  EXPECT_TRUE(server.got == there);
  EXPECT_TRUE(client.got == back);
}

TEST_P(NetworkContract, a_reader_that_stops_stops_its_writer_and_loses_nothing) {
  Side client, server;
  join(client, server);
  server.stream->pause_reading();
  const std::string chunk = pattern(64 << 10);
  std::string sent;
  std::size_t taken = chunk.size();
  // Systems give more room to a writer for a while.
  for (int quiet = 0; quiet < 3;) {
    taken = client.stream->write(chunk);
    sent += chunk.substr(0, taken);
    const int writables = client.writables;
    const Instant patience = loop().now() + 50ms;
    std::unique_ptr<io::Timer> look = loop().after(50ms, [] {});
    ASSERT_TRUE(until([&] { return client.writables > writables || loop().now() >= patience; }));
    quiet = taken == 0 && client.writables == writables ? quiet + 1 : 0;
  }
  EXPECT_EQ(server.got, "");
  EXPECT_GT(client.stream->unacknowledged(), 0u);
  const int writables = client.writables;
  server.stream->resume_reading();
  EXPECT_TRUE(until([&] { return server.got.size() == sent.size(); }));
  EXPECT_TRUE(server.got == sent);
  EXPECT_TRUE(until([&] { return client.writables > writables; }));
  EXPECT_TRUE(until([&] { return client.stream->unacknowledged() == 0; }));
}

TEST_P(NetworkContract, what_was_sent_before_the_end_arrives_before_it) {
  Side client, server;
  join(client, server);
  const std::string all = pattern(2'000);
  ASSERT_TRUE(send(client, all));
  client.stream.reset();
  ASSERT_TRUE(until([&] { return !server.ended.empty(); }));
  EXPECT_TRUE(server.got == all);
  EXPECT_EQ(server.ended, std::vector<std::string>{"closed by the other side"});
  EXPECT_EQ(server.stream->write("too late"), 8u) << "what is written then is taken and dropped";
  EXPECT_TRUE(client.ended.empty()) << "who closes is told nothing";
}

TEST_P(NetworkContract, who_is_paused_hears_of_the_end_when_it_reads_on) {
  Side client, server;
  join(client, server);
  server.stream->pause_reading();
  ASSERT_TRUE(send(client, "last words"));
  client.stream.reset();
  Side other, other_server;
  join(other, other_server);  // time passes
  EXPECT_EQ(server.got, "");
  EXPECT_TRUE(server.ended.empty());
  server.stream->resume_reading();
  ASSERT_TRUE(until([&] { return !server.ended.empty(); }));
  EXPECT_EQ(server.got, "last words");
}

TEST_P(NetworkContract, who_leaves_bytes_unread_resets_the_connection) {
  Side client, server;
  join(client, server);
  server.stream->pause_reading();
  ASSERT_TRUE(send(client, pattern(100)));
  ASSERT_TRUE(until([&] { return client.stream->unacknowledged() == 0; }));
  server.stream.reset();
  client.stream->write("once more");  // a reset may get lost; what is sent meets another one
  ASSERT_TRUE(until([&] { return !client.ended.empty(); }));
  EXPECT_EQ(client.ended, std::vector<std::string>{"Connection reset by peer"});
}

TEST_P(NetworkContract, a_stream_may_be_destroyed_in_its_own_handlers) {
  Side client, server;
  join(client, server);
  auto reader = std::make_unique<Side>();
  reader->stream = std::move(server.stream);
  bool read = false;
  reader->stream->start({[&](std::string_view) {
                           read = true;
                           reader.reset();
                         },
                         [](const std::string&) { ADD_FAILURE() << "a handler after the end"; },
                         [] {}});
  ASSERT_TRUE(send(client, "x"));
  ASSERT_TRUE(until([&] { return read && !client.ended.empty(); }));
  Side again, again_server;
  join(again, again_server);
  auto ends = std::make_unique<StreamPtr>(std::move(again.stream));
  (*ends)->start({[](std::string_view) {}, [&](const std::string&) { ends.reset(); }, [] {}});
  again_server.stream.reset();
  EXPECT_TRUE(until([&] { return ends == nullptr; }));
}

TEST_P(NetworkContract, a_port_where_nobody_listens_refuses) {
  const io::Address nobody = address();
  listener_.reset();
  connect(nobody);
  ASSERT_TRUE(until([&] { return result_.has_value(); }));
  ASSERT_FALSE(result_->has_value());
  EXPECT_EQ(result_->error().code, ErrorCode::kUnavailable);
  EXPECT_NE(result_->error().text.find("Connection refused"), std::string::npos)
      << result_->error().text;
}

TEST_P(NetworkContract, a_name_that_is_unknown_is_unavailable) {
  connect({"nobody.invalid", 1});
  ASSERT_TRUE(until([&] { return result_.has_value(); }));
  ASSERT_FALSE(result_->has_value());
  EXPECT_EQ(result_->error().code, ErrorCode::kUnavailable);
}

TEST_P(NetworkContract, who_gives_an_attempt_up_hears_nothing_of_it) {
  connect(address());
  connecting_.reset();
  Side client, server;
  connect({"nobody.invalid", 1});
  ASSERT_TRUE(until([&] { return result_.has_value(); }));
  EXPECT_FALSE(result_->has_value());
}

TEST_P(NetworkContract, a_port_has_one_listener_and_is_free_after_it) {
  const io::Address taken = address();
  EXPECT_NE(taken.port, 0);
  auto second = network().listen(taken, [](StreamPtr) {});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  listener_.reset();
  EXPECT_TRUE(network().listen(taken, [](StreamPtr) {}).has_value());
}

TEST_P(NetworkContract, an_address_of_somebody_else_cannot_be_listened_at) {
  auto other = network().listen({"10.254.254.254", 0}, [](StreamPtr) {});
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code, ErrorCode::kInvalid);
}

TEST_P(NetworkContract, peers_are_named_by_host_and_port) {
  Side client, server;
  join(client, server);
  auto of_server = io::parse_address(client.stream->peer());
  ASSERT_TRUE(of_server.has_value());
  EXPECT_EQ(of_server->port, listener_->port());
  auto of_client = io::parse_address(server.stream->peer());
  ASSERT_TRUE(of_client.has_value());
  EXPECT_NE(of_client->port, 0);
  EXPECT_EQ(of_client->host, of_server->host);
}

INSTANTIATE_TEST_SUITE_P(Real, NetworkContract, ::testing::Values(0));
INSTANTIATE_TEST_SUITE_P(Simulated, NetworkContract, ::testing::Range<std::uint64_t>(1, 25));

}  // namespace
}  // namespace polis::sim
