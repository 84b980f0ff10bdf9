#include <gtest/gtest.h>

#include "http/testing/fixture.hh"

namespace polis::http {
namespace {

using namespace std::chrono_literals;
using testing::grpc_message;
using testing::HttpTest;
using testing::RawClient;

TEST(Grpc, timeouts_are_read_and_written) {
  EXPECT_EQ(parse_grpc_timeout("100m"), Duration(100ms));
  EXPECT_EQ(parse_grpc_timeout("2S"), Duration(2s));
  for (auto bad : {"", "m", "-1S", "123456789S", "5x", "1 S"})
    EXPECT_FALSE(parse_grpc_timeout(bad).has_value()) << bad;
  EXPECT_EQ(parse_grpc_timeout(format_grpc_timeout(1500ms)), Duration(1500ms));
}

TEST(Grpc, messages_survive_percent_encoding) {
  std::string text = "100% \xc3\xa4\n~";
  EXPECT_EQ(percent_decode(percent_encode(text)), text);
  EXPECT_EQ(percent_decode("50%"), "50%");
}

TEST(Grpc, the_reader_takes_any_cut_and_refuses_what_is_too_large) {
  std::string bytes;
  append_grpc_prefix(bytes, 3);
  bytes += "abc";
  append_grpc_prefix(bytes, 0);
  GrpcReader reader(10);
  std::string_view message;
  int seen = 0;
  for (char c : bytes) {
    reader.add(std::string_view(&c, 1));
    while (reader.next(message) == GrpcReader::Outcome::kMessage) ++seen;
  }
  EXPECT_EQ(seen, 2);
  std::string large;
  append_grpc_prefix(large, 11);
  reader.add(large);
  EXPECT_EQ(reader.next(message), GrpcReader::Outcome::kTooLarge);
}

TEST_F(HttpTest, a_unary_call_is_answered) {
  auto [status, response] = call("/t.T/Echo", "hello");
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(response, "hello");
  EXPECT_EQ(call("/t.T/Echo", "").second, "");
  std::string large(1 << 20, 'q');
  EXPECT_TRUE(call("/t.T/Echo", large).second == large);
}

TEST_F(HttpTest, a_failure_carries_code_and_message) {
  auto [status, response] = call("/t.T/Fail", "x");
  EXPECT_EQ(status.code, 5);
  EXPECT_EQ(status.message, "not \xc3\xa4 here");
}

TEST_F(HttpTest, an_unknown_method_is_unimplemented_by_name) {
  auto status = call("/t.T/None", "x").first;
  EXPECT_EQ(status.code, 12);
  EXPECT_NE(status.message.find("/t.T/None"), std::string::npos);
}

TEST_F(HttpTest, a_message_over_the_limit_is_refused_and_the_connection_lives_on) {
  EXPECT_EQ(call("/t.T/Echo", std::string(3 << 20, 'x')).first.code, 8);
  EXPECT_TRUE(call("/t.T/Echo", "still here").first.ok());
}

TEST_F(HttpTest, a_deadline_ends_the_call_on_both_sides) {
  EXPECT_EQ(call("/t.T/Never", "x", 80ms).first.code, 4);
  run_until([this] { return closed_ == 1; });
  EXPECT_FALSE(kept_[0]->open());
  kept_[0]->reply("too late");  // does nothing
}

TEST_F(HttpTest, a_large_answer_is_made_while_it_is_sent) {
  auto [status, response] = call("/t.T/Large", "");
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(response.size(), 50u << 20);
}

class SlowCallTest : public HttpTest {
 protected:
  SlowCallTest() {
    server_->calls().slow_min = 50ms;
    server_->calls().on_slow = [this](const SlowCall& slow) { slow_.push_back(slow); };
  }
  void pass(Duration time) {
    bool passed = false;
    auto timer = reactor_.after(time, [&] { passed = true; });
    run_until([&] { return passed; });
  }

  std::vector<SlowCall> slow_;
};

TEST_F(SlowCallTest, what_the_client_took_to_send_is_told_apart) {
  call("/t.T/Echo", "quick");
  RawClient client(reactor_, server_->port());
  const StreamId id = client.request("/t.T/Echo", "", {}, false);
  pass(100ms);
  client.send(id, grpc_message("hello"), true);
  run_until([&] { return client.answer(id).ended; });
  ASSERT_EQ(slow_.size(), 1u);
  EXPECT_EQ(slow_[0].method, "/t.T/Echo");
  EXPECT_TRUE(slow_[0].answered);
  EXPECT_GE(slow_[0].for_request, 50ms);
  EXPECT_LT(slow_[0].for_answer + slow_[0].for_client, 50ms);
}

TEST_F(SlowCallTest, what_the_client_took_to_read_is_told_apart) {
  auto client = std::make_unique<RawClient>(reactor_, server_->port());
  run_until([&] { return client->connected(); });
  client->request("/t.T/Large", grpc_message(""));
  client->stop_reading();
  pass(100ms);
  client.reset();
  run_until([&] { return !slow_.empty(); });
  EXPECT_TRUE(slow_[0].answered);
  EXPECT_GE(slow_[0].for_client, 50ms);
  EXPECT_LT(slow_[0].for_request + slow_[0].for_answer, 50ms);
}

TEST_F(SlowCallTest, what_was_not_answered_took_the_server_all_of_the_time) {
  call("/t.T/Never", "", 100ms);
  run_until([&] { return !slow_.empty(); });
  EXPECT_GE(slow_[0].for_answer, 50ms);
  EXPECT_EQ(slow_[0].total, slow_[0].for_request + slow_[0].for_answer + slow_[0].for_client);
}

TEST_F(HttpTest, a_stream_goes_both_ways_until_the_client_ends_it) {
  std::string got;
  bool ended = false;
  auto chat = client_->stream(
      "/t.T/Chat",
      [&](std::string_view m) {
        got += m;
        got += ";";
      },
      [&](const GrpcStatus& s) { ended = s.ok(); });
  chat->send("a");
  chat->send("b");
  run_until([&] { return got == "re: a;re: b;"; });
  chat->half_close();
  run_until([&] { return ended; });
  run_until([this] { return closed_ == 1; });
}

TEST_F(HttpTest, a_stream_goes_on_when_its_client_has_read) {
  std::size_t got = 0;
  bool ended = false;
  auto stream = client_->stream(
      "/t.T/Pump", [&](std::string_view m) { got += m.size(); },
      [&](const GrpcStatus& s) { ended = s.ok(); });
  stream->send("go");
  run_until([&] { return ended; });
  EXPECT_EQ(got, 5u << 20);
}

TEST_F(HttpTest, cancelling_a_stream_is_noticed_by_the_server) {
  std::string got;
  auto chat =
      client_->stream("/t.T/Chat", [&](std::string_view m) { got += m; }, [](const GrpcStatus&) {});
  chat->send("a");
  run_until([&] { return !got.empty(); });
  chat.reset();
  run_until([&] { return closed_ == 1; });
}

TEST_F(HttpTest, a_lost_connection_ends_its_calls_on_both_sides) {
  auto chat = client_->stream("/t.T/Chat", [](std::string_view) {}, [](const GrpcStatus&) {});
  chat->send("a");
  run_until([this] { return server_->counters().calls_open == 1; });
  client_.reset();
  run_until([this] { return closed_ == 1; });
}

TEST_F(HttpTest, thousand_calls_at_once_are_all_answered) {
  int done = 0;
  for (int i = 0; i < 3000; ++i) {
    client_->unary("/t.T/Echo", std::to_string(i), 0s,
                   [&done, i](const GrpcStatus& s, std::string_view r) {
                     EXPECT_TRUE(s.ok());
                     EXPECT_EQ(r, std::to_string(i));
                     ++done;
                   });
  }
  run_until([&] { return done == 3000; });
}

TEST_F(HttpTest, http1_is_served_on_the_same_port) {
  std::string answer = raw("GET /health HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK")) << answer;
  EXPECT_TRUE(answer.ends_with("/health"));
  EXPECT_TRUE(
      raw("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 404"));
  EXPECT_TRUE(raw("\x16\x03\x01 tls hello? \r\n\r\n").starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(raw("GET /" + std::string(70'000, 'a')).starts_with("HTTP/1.1 431"));
}

TEST_F(HttpTest, garbage_after_the_preface_closes_that_connection_alone) {
  raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(100, '\xff'));
  EXPECT_TRUE(call("/t.T/Echo", "others notice nothing").first.ok());
}

TEST_F(HttpTest, headers_over_the_limit_end_their_stream_alone) {
  bool open_ended = false;
  auto chat = client_->stream(
      "/t.T/Chat", [](std::string_view) {}, [&](const GrpcStatus&) { open_ended = true; });
  EXPECT_FALSE(call("/t.T/" + std::string(200'000, 'h'), "x").first.ok());
  EXPECT_TRUE(call("/t.T/" + std::string(10'000, 'h'), "x").first.code == 12);  // within the limit
  EXPECT_TRUE(call("/t.T/Echo", "still here").first.ok());
  EXPECT_FALSE(open_ended);
}

// A peer that takes a connection, answers the first bytes with `answer`, and then says nothing any
// more.
class SilentPeer {
 public:
  explicit SilentPeer(io::Reactor& reactor, std::string answer = "") {
    auto listening = reactor.network().listen({"127.0.0.1", 0}, [this, answer](auto stream) {
      stream_ = std::move(stream);
      stream_->start({[this, answer](std::string_view) {
                        if (!std::exchange(answered_, true)) stream_->write(answer);
                      },
                      [](const std::string&) {}, [] {}});
    });
    listener_ = std::move(*listening);
  }
  std::uint16_t port() const { return listener_->port(); }

 private:
  std::unique_ptr<io::Listener> listener_;
  std::unique_ptr<io::Stream> stream_;
  bool answered_ = false;
};

// Requests that cross a server's last word were not begun: a write among them may go elsewhere.
TEST_F(HttpTest, what_a_server_that_stops_did_not_begin_is_told_apart) {
  using std::string_literals::operator""s;
  const std::string settings = "\0\0\0\x04\0\0\0\0\0"s;
  const std::string goaway = "\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0"s;  // before stream 1
  SilentPeer peer(reactor_, settings + goaway);
  client_ = std::make_unique<ClientConnection>(reactor_, reactor_.network(),
                                               io::Address{"127.0.0.1", peer.port()});
  const GrpcStatus status = call("/t.T/Echo", "x").first;
  EXPECT_EQ(status.code, static_cast<int>(GrpcCode::kUnavailable));
  EXPECT_TRUE(status.refused) << status.message;
  EXPECT_TRUE(client_->failed());
}

TEST_F(HttpTest, a_server_that_answers_no_ping_ends_the_calls_that_wait_for_it) {
  SilentPeer peer(reactor_);
  client_ = std::make_unique<ClientConnection>(
      reactor_, reactor_.network(), io::Address{"127.0.0.1", peer.port()},
      ClientOptions{.keepalive_interval = 60ms, .keepalive_timeout = 60ms});
  auto status = call("/t.T/Echo", "anybody?").first;
  EXPECT_EQ(status.code, 14);
  EXPECT_NE(status.message.find("keep-alive"), std::string::npos) << status.message;
}

TEST_F(HttpTest, pings_keep_a_slow_call_alive) {
  client_ = std::make_unique<ClientConnection>(
      reactor_, reactor_.network(), io::Address{"127.0.0.1", server_->port()},
      ClientOptions{.keepalive_interval = 30ms, .keepalive_timeout = 2s});
  EXPECT_EQ(call("/t.T/Never", "x", 400ms).first.code, 4);  // its own deadline, nothing else
}

TEST_F(HttpTest, a_client_that_answers_no_ping_is_let_go) {
  client_.reset();
  server_.reset();
  serve({.keepalive_interval = 50ms, .keepalive_timeout = 50ms});
  std::unique_ptr<io::Stream> silent;
  bool closed = false;
  auto connecting =
      reactor_.network().connect({"127.0.0.1", server_->port()}, 1s, [&](auto connected) {
        silent = std::move(*connected);
        silent->start({[](std::string_view) {}, [&](const std::string&) { closed = true; }, [] {}});
        // The preface and empty settings, and not a word more.
        silent->write(std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") +
                      std::string("\0\0\0\4\0\0\0\0\0", 9));
      });
  run_until([&] { return closed; });
  EXPECT_TRUE(call("/t.T/Echo", "others notice nothing").first.ok());
}

TEST_F(HttpTest, draining_lets_open_calls_end_and_refuses_new_ones) {
  bool finished = false;
  client_->unary("/t.T/Never", "x", 0s,
                 [&](const GrpcStatus& s, std::string_view) { finished = s.ok(); });
  run_until([this] { return kept_.size() == 1; });
  server_->drain_and_stop();
  run_until([this] { return client_->failed(); });  // it was told to go elsewhere
  kept_[0]->reply("done");
  run_until([&] { return finished; });
  client_.reset();
  run_until([this] { return server_->stopped(); });
}

}  // namespace
}  // namespace polis::http
