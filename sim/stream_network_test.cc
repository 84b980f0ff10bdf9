// What can be done to the simulated network, and what processes see of it.

#include "sim/stream_network.hh"

#include <gtest/gtest.h>

#include <optional>

namespace polis::sim {
namespace {

using namespace std::chrono_literals;
using StreamPtr = std::unique_ptr<io::Stream>;

constexpr std::uint16_t kPort = 7;

// A server that writes down what it gets, and a client with one connection to it.
class StreamNetworkTest : public ::testing::Test {
 protected:
  StreamNetworkTest() {
    listener_ = *server_->listen({"", kPort, ""}, [this](StreamPtr stream) {
      accepted_ = std::move(stream);
      accepted_->start({[this](std::string_view bytes) { got_ += bytes; },
                        [this](const std::string& reason) { server_ended_ = reason; }, [] {}});
    });
  }

  bool until(const std::function<bool()>& holds, Duration patience) {
    const Instant end = world_.now() + patience;
    while (!holds()) {
      if (!world_.step(end)) return holds();
    }
    return true;
  }
  // Why it cannot; nothing: it stands.
  std::optional<std::string> connect(Duration timeout = 5s) {
    std::optional<Result<StreamPtr>> told;
    auto connecting = client_->connect({"server", kPort, ""}, timeout,
                                       [&](Result<StreamPtr> result) { told = std::move(result); });
    EXPECT_TRUE(until([&] { return told.has_value(); }, 1min));
    if (!told->has_value()) return told->error().text;
    stream_ = std::move(**told);
    stream_->start({[](std::string_view) {},
                    [this](const std::string& reason) { client_ended_ = reason; }, [] {}});
    EXPECT_TRUE(until([&] { return accepted_ != nullptr; }, 5s));
    return std::nullopt;
  }

  World world_{1};
  Machine client_machine_{world_, 0}, server_machine_{world_, 0};
  StreamNetwork network_{world_};
  std::unique_ptr<StreamHost> client_ = network_.add_host(client_machine_, "client");
  std::unique_ptr<StreamHost> server_ = network_.add_host(server_machine_, "server");
  std::unique_ptr<io::Listener> listener_;
  StreamPtr stream_, accepted_;
  std::string got_;
  std::optional<std::string> client_ended_, server_ended_;
};

TEST_F(StreamNetworkTest, a_cut_holds_bytes_back_and_loses_none) {
  ASSERT_EQ(connect(), std::nullopt);
  network_.cut(*client_, *server_);
  stream_->write("held back");
  EXPECT_FALSE(until([&] { return !got_.empty(); }, 20s));
  network_.heal();
  // The wait between two attempts has doubled meanwhile.
  EXPECT_TRUE(until([&] { return got_ == "held back"; }, 30s));
  EXPECT_EQ(client_ended_, std::nullopt);
}

TEST_F(StreamNetworkTest, one_silent_direction_is_noticed_by_who_waits_for_acknowledgements) {
  ASSERT_EQ(connect(), std::nullopt);
  stream_->give_up_unacknowledged_after(1s);
  network_.cut(*server_, *client_);
  stream_->write("heard");
  EXPECT_TRUE(until([&] { return client_ended_.has_value(); }, 2s));
  EXPECT_EQ(client_ended_, "Connection timed out");
  EXPECT_EQ(got_, "heard");
  EXPECT_EQ(server_ended_, std::nullopt) << "to the server the connection stands for ever";
}

TEST_F(StreamNetworkTest, a_reset_reaches_both_ends) {
  ASSERT_EQ(connect(), std::nullopt);
  Random random(1);
  ASSERT_TRUE(network_.reset_one(*server_, random));
  EXPECT_TRUE(until([&] { return client_ended_ && server_ended_; }, 1s));
  EXPECT_EQ(client_ended_, "Connection reset by peer");
  EXPECT_FALSE(network_.reset_one(*server_, random)) << "there is no other connection";
}

TEST_F(StreamNetworkTest, a_host_without_power_is_silent_and_resets_when_it_is_back) {
  ASSERT_EQ(connect(), std::nullopt);
  server_->lose_power();
  server_machine_.crash();
  accepted_.reset();
  listener_.reset();
  stream_->write("nobody hears it");
  EXPECT_FALSE(until([&] { return client_ended_.has_value(); }, 3s));
  EXPECT_NE(connect(2s).value_or("").find("timed out"), std::string::npos);
  server_->come_back();
  stream_->write("who are you?");
  EXPECT_NE(connect(2s).value_or("").find("Connection refused"), std::string::npos);
}

TEST_F(StreamNetworkTest, a_host_that_moves_is_found_by_its_name_when_that_follows) {
  ASSERT_EQ(connect(), std::nullopt);
  network_.move(*server_);
  stream_->write("to the old address");
  EXPECT_FALSE(until([&] { return !got_.empty(); }, 5s));
  EXPECT_NE(connect(2s).value_or("").find("timed out"), std::string::npos);
  network_.set_name("server", *server_);
  accepted_.reset();
  ASSERT_EQ(connect(), std::nullopt);
  stream_->write("to the new one");
  EXPECT_TRUE(until([&] { return got_ == "to the new one"; }, 1s));
  network_.forget_name("server");
  EXPECT_NE(connect().value_or("").find("Host not found"), std::string::npos);
}

TEST_F(StreamNetworkTest, a_process_that_stands_still_is_connected_to_by_its_system) {
  server_machine_.pause(10s);
  std::optional<Result<StreamPtr>> told;
  auto connecting = client_->connect({"server", kPort, ""}, 5s,
                                     [&](Result<StreamPtr> result) { told = std::move(result); });
  ASSERT_TRUE(until([&] { return told.has_value(); }, 5s));
  ASSERT_TRUE(told->has_value());
  (**told)->write("taken by its system");
  EXPECT_TRUE(until([&] { return (**told)->unacknowledged() == 0; }, 5s));
  EXPECT_EQ(accepted_, nullptr);
  EXPECT_TRUE(until([&] { return got_ == "taken by its system"; }, 10s));
}

TEST_F(StreamNetworkTest, what_is_seen_can_be_dropped_and_is_sent_again) {
  ASSERT_EQ(connect(), std::nullopt);
  int dropped = 0;
  network_.set_look([&](const StreamHost& from, const StreamHost&, std::string_view) {
    return &from == client_.get() && ++dropped <= 3 ? Fate::kVanishes : Fate::kPasses;
  });
  stream_->write("x");
  EXPECT_TRUE(until([&] { return got_ == "x"; }, 10s));
  EXPECT_EQ(dropped, 4);
}

}  // namespace
}  // namespace polis::sim
