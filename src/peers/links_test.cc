#include "peers/links.hh"

#include <gtest/gtest.h>

namespace polis::peers {
namespace {

using namespace std::chrono_literals;
using consensus::Protocol;

constexpr ReplicaId kOwn(1), kPeer(2);

// A peer that takes connections and counts the messages that come by each.
class Listening {
 public:
  explicit Listening(io::Reactor& reactor) {
    auto listener = io::listen_tcp(reactor, {"127.0.0.1", 0}, [this](auto stream) {
      lanes_.push_back(std::make_unique<Lane>());
      Lane& lane = *lanes_.back();
      lane.stream = std::move(stream);
      lane.stream->start({[&lane](std::string_view bytes) { lane.take(bytes); },
                          [](const std::string&) {}, [] {}});
    });
    EXPECT_TRUE(listener.has_value());
    listener_ = std::move(*listener);
  }

  Peer peer() const { return {kPeer, "b", {"127.0.0.1", listener_->port()}}; }
  std::size_t lanes() const { return lanes_.size(); }
  // That have greeted.
  std::size_t greetings() const {
    return static_cast<std::size_t>(std::count_if(
        lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->frames > 0; }));
  }
  // Without greetings.
  std::size_t messages() const {
    std::size_t all = 0;
    for (const auto& lane : lanes_) all += lane->frames;
    return all - greetings();
  }
  void stop_reading(std::size_t lane) { lanes_.at(lane)->stream->pause_reading(); }
  void end(std::size_t lane) { lanes_.at(lane)->stream.reset(); }

 private:
  struct Lane {
    std::unique_ptr<io::TcpStream> stream;
    FrameReader reader;
    std::size_t frames = 0;

    void take(std::string_view bytes) {
      reader.add(bytes);
      while (true) {
        auto frame = reader.next();
        ASSERT_TRUE(frame.has_value());
        if (!*frame) return;
        ++frames;
      }
    }
  };
  std::unique_ptr<io::TcpListener> listener_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

class Links {
 public:
  explicit Links(Protocol protocol)
      : peer_(reactor_),
        links_(reactor_, {.cell = 7,
                          .id = kOwn,
                          .name = "a",
                          .listen = {"127.0.0.1", 0},
                          .consensus = protocol,
                          .blank = [] { return false; },
                          .has_taken_part = [](ReplicaId) { return false; },
                          .cell_version = [] { return 1u; }}) {
    auto started = links_.start([](ReplicaId, std::string_view) {}, [this](ReplicaId) { ++lost_; },
                                [](Refusal::Reason, const std::string&) {});
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

  Listening& peer() { return peer_; }
  PeerLinks& links() { return links_; }
  std::size_t lost() const { return lost_; }

 private:
  io::Reactor reactor_;
  Listening peer_;
  PeerLinks links_;
  std::size_t lost_ = 0;
  std::function<bool()> until_;
};

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

}  // namespace
}  // namespace polis::peers
