#include "peers/links.hh"

#include <gtest/gtest.h>

#include "io/reactor.hh"

#include <algorithm>

namespace polis::peers {
namespace {

using namespace std::chrono_literals;
using consensus::Protocol;

constexpr ReplicaId kOwn(1), kPeer(2);

// A peer that takes connections, answers greetings as `manners` says, and counts the messages that
// come by each.
enum class Manners { kAnswers, kAnswersOnce, kNever };

class Listening {
 public:
  Manners manners = Manners::kAnswers;

  explicit Listening(io::Reactor& reactor) {
    auto listener = reactor.network().listen({"127.0.0.1", 0}, [this](auto stream) {
      lanes_.push_back(std::make_unique<Lane>());
      Lane& lane = *lanes_.back();
      lane.manners = &manners;
      lane.stream = std::move(stream);
      lane.stream->start({[&lane](std::string_view bytes) { lane.take(bytes); },
                          [](const std::string&) {}, [] {}});
    });
    EXPECT_TRUE(listener.has_value());
    listener_ = std::move(*listener);
    beat(reactor);
  }

  Peer peer() const { return {kPeer, "b", {"127.0.0.1", listener_->port()}}; }
  std::size_t lanes() const { return lanes_.size(); }
  // That have greeted.
  std::size_t greetings() const {
    return static_cast<std::size_t>(std::count_if(
        lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->frames > 0; }));
  }
  // Without greetings and heartbeats.
  std::size_t messages() const {
    std::size_t all = 0;
    for (const auto& lane : lanes_) all += lane->frames;
    return all - greetings();
  }
  void stop_reading(std::size_t lane) { lanes_.at(lane)->stream->pause_reading(); }
  void end(std::size_t lane) { lanes_.at(lane)->stream.reset(); }

 private:
  struct Lane {
    std::unique_ptr<io::Stream> stream;
    FrameReader reader;
    std::size_t frames = 0;
    const Manners* manners = nullptr;

    void answer(std::string_view frame) {
      std::string bytes;
      append_frame(bytes, frame);
      if (stream) stream->write(bytes);
    }
    void take(std::string_view bytes) {
      reader.add(bytes);
      while (true) {
        auto frame = reader.next();
        ASSERT_TRUE(frame.has_value());
        if (!*frame) return;
        if (**frame == kHeartbeatFrame) continue;
        if (frames++ == 0 && *manners != Manners::kNever) answer(kAcceptedFrame);
      }
    }
  };

  void beat(io::Reactor& reactor) {
    if (manners == Manners::kAnswers) {
      for (auto& lane : lanes_) {
        if (lane->frames > 0) lane->answer(kHeartbeatFrame);
      }
    }
    beat_ = reactor.after(200ms, [this, &reactor] {
      auto keep = std::move(beat_);
      beat(reactor);
    });
  }

  std::unique_ptr<io::Timer> beat_;
  std::unique_ptr<io::Listener> listener_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

class Links {
 public:
  explicit Links(Protocol protocol)
      : peer_(reactor_),
        links_(reactor_, reactor_.network(),
               {.cell = 7,
                .id = kOwn,
                .name = "a",
                .listen = {"127.0.0.1", 0},
                .consensus = protocol,
                .blank = [] { return false; },
                .has_taken_part = [](ReplicaId) { return false; },
                .cell_version = [] { return 1u; }}) {
    auto started = links_.start([](ReplicaId, std::string_view) {}, [this](ReplicaId) { ++lost_; },
                                [](const Refusal&) {});
    EXPECT_TRUE(started.has_value());
    links_.set_peers({peer_.peer()});
    reactor_.at_turn_end([this] {
      if (until_ && until_()) reactor_.stop();
    });
  }

  // Runs until `condition` holds; false: it did not in ten seconds.
  bool run_until(std::function<bool()> condition) {
    until_ = std::move(condition);
    bool late = false;
    auto give_up = reactor_.after(10s, [&] {
      late = true;
      reactor_.stop();
    });
    // Something that is looked at has no event of its own.
    std::unique_ptr<io::Timer> look;
    std::function<void()> again = [&] { look = reactor_.after(io::Loop::kCoarseMin, again); };
    again();
    bool holds = until_();
    for (; !holds && !late; holds = until_()) reactor_.run();
    until_ = {};
    return holds;
  }

  // Connects to the links as `from` and greets; nothing is sent if `greeting` is not given.
  void come(std::optional<Greeting> greeting) {
    coming_.push_back(std::make_unique<Coming>());
    Coming& coming = *coming_.back();
    coming.connecting = reactor_.network().connect(
        {"127.0.0.1", links_.port()}, 5s, [&coming, greeting](auto stream) {
          ASSERT_TRUE(stream.has_value());
          coming.stream = std::move(*stream);
          coming.stream->start({[&coming](std::string_view bytes) { coming.got += bytes; },
                                [&coming](const std::string&) { coming.ended = true; }, [] {}});
          if (!greeting) return;
          std::string bytes;
          append_frame(bytes, encode(*greeting));
          coming.stream->write(bytes);
        });
  }
  std::size_t connected() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(coming_, [](const auto& one) { return one->stream != nullptr; }));
  }
  std::size_t ended() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(coming_, [](const auto& one) { return one->ended; }));
  }

  Listening& peer() { return peer_; }
  PeerLinks& links() { return links_; }
  std::size_t lost() const { return lost_; }

 private:
  struct Coming {
    std::unique_ptr<io::Connecting> connecting;
    std::unique_ptr<io::Stream> stream;
    std::string got;
    bool ended = false;
  };
  io::Reactor reactor_;
  Listening peer_;
  PeerLinks links_;
  std::vector<std::unique_ptr<Coming>> coming_;
  std::size_t lost_ = 0;
  std::function<bool()> until_;
};

Greeting greeting_of_peer(bool answers) {
  return {.cell = 7,
          .from = kPeer,
          .to = kOwn,
          .name = "b",
          .client_address = "",
          .version = "0.1",
          .consensus = Protocol::kRaft,
          .answers = answers};
}

TEST(PeerLinks, raft_has_one_lane_and_paxos_several_and_each_greets) {
  Links raft(Protocol::kRaft);
  ASSERT_TRUE(raft.run_until([&] { return raft.peer().greetings() == 1; }));
  EXPECT_EQ(raft.peer().lanes(), 1u);
  Links paxos(Protocol::kPaxos);
  EXPECT_TRUE(paxos.run_until([&] { return paxos.peer().greetings() == 4; }));
  EXPECT_EQ(paxos.peer().lanes(), 4u);
}

TEST(PeerLinks, a_lane_that_stands_still_is_passed_by) {
  Links paxos(Protocol::kPaxos);
  ASSERT_TRUE(paxos.run_until([&] { return paxos.peer().greetings() == 4; }));
  paxos.peer().stop_reading(0);
  // More than the buffers of one connection hold, sent as fast as the others take it.
  const std::string message(64 << 10, 'x');
  std::size_t sent = 0;
  ASSERT_TRUE(paxos.run_until([&] {
    if (paxos.peer().messages() + 256 > sent) {
      paxos.links().send(kPeer, message);
      paxos.links().flush();
      ++sent;
    }
    return sent >= 1000;
  }));
  EXPECT_GE(paxos.peer().messages(), 744u);
  EXPECT_EQ(paxos.lost(), 0u);
}

TEST(PeerLinks, a_lane_that_ends_is_made_again_and_the_peer_is_not_lost) {
  Links paxos(Protocol::kPaxos);
  ASSERT_TRUE(paxos.run_until([&] { return paxos.peer().greetings() == 4; }));
  for (std::size_t lane = 0; lane < 3; ++lane) paxos.peer().end(lane);
  EXPECT_TRUE(paxos.run_until([&] { return paxos.peer().greetings() == 7; }));
  EXPECT_EQ(paxos.lost(), 0u);
  EXPECT_TRUE(paxos.links().state(kPeer).connected);
  for (std::size_t lane = 3; lane < 7; ++lane) paxos.peer().end(lane);
  EXPECT_TRUE(paxos.run_until([&] { return paxos.lost() == 1; }));
}

TEST(PeerLinks, a_connection_whose_greeting_nobody_answers_is_not_up_and_is_made_again) {
  Links raft(Protocol::kRaft);
  raft.peer().manners = Manners::kNever;
  ASSERT_TRUE(raft.run_until([&] { return raft.peer().greetings() == 1; }));
  EXPECT_FALSE(raft.links().state(kPeer).connected);
  ASSERT_TRUE(raft.run_until([&] { return raft.peer().greetings() == 2; }));
  raft.peer().manners = Manners::kAnswers;
  EXPECT_TRUE(raft.run_until([&] { return raft.links().state(kPeer).connected; }));
}

TEST(PeerLinks, a_peer_of_an_older_release_need_not_answer) {
  Links raft(Protocol::kRaft);
  raft.peer().manners = Manners::kNever;
  ASSERT_TRUE(raft.run_until([&] { return raft.peer().greetings() == 1; }));
  raft.come(greeting_of_peer(false));
  ASSERT_TRUE(raft.run_until([&] { return raft.links().state(kPeer).connected; }));
  EXPECT_EQ(raft.peer().lanes(), 1u) << "the connection that was there is believed now";
}

TEST(PeerLinks, a_peer_that_falls_silent_is_lost_and_connected_to_again) {
  Links paxos(Protocol::kPaxos);
  paxos.peer().manners = Manners::kAnswersOnce;
  ASSERT_TRUE(paxos.run_until([&] { return paxos.links().state(kPeer).connected; }));
  ASSERT_TRUE(paxos.run_until([&] { return paxos.peer().greetings() == 8; }));
  EXPECT_EQ(paxos.lost(), 1u);
}

TEST(PeerLinks, heartbeats_keep_a_silent_connection) {
  Links raft(Protocol::kRaft);
  ASSERT_TRUE(raft.run_until([&] { return raft.links().state(kPeer).connected; }));
  std::size_t looks = 0;  // of 3 ms or more
  ASSERT_TRUE(raft.run_until([&] { return ++looks > 1200; }));
  EXPECT_EQ(raft.peer().lanes(), 1u);
  EXPECT_EQ(raft.lost(), 0u);
}

TEST(PeerLinks, silent_connections_neither_keep_a_member_out_nor_stay) {
  Links raft(Protocol::kRaft);
  for (int i = 0; i < 40; ++i) raft.come({});
  ASSERT_TRUE(raft.run_until([&] { return raft.connected() == 40; }));
  ASSERT_TRUE(raft.run_until([&] { return raft.ended() >= 8; }));
  raft.come(greeting_of_peer(true));
  EXPECT_TRUE(raft.run_until([&] { return raft.links().state(kPeer).incoming == 1; }));
  EXPECT_TRUE(raft.run_until([&] { return raft.ended() >= 40; }));
}

TEST(PeerLinks, a_member_that_connects_again_and_again_takes_its_own_places) {
  Links raft(Protocol::kRaft);
  for (int i = 0; i < 5; ++i) raft.come(greeting_of_peer(false));
  EXPECT_TRUE(raft.run_until([&] { return raft.ended() == 3; }));
  EXPECT_EQ(raft.links().state(kPeer).incoming, 2u);
}

}  // namespace
}  // namespace polis::peers
