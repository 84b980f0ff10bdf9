// What one client may do without harm to the others: habits of real clients that must work, and
// floods that must end.

#include <gtest/gtest.h>
#include <zlib.h>

#include "http/frame_meter.hh"
#include "http/testing/fixture.hh"

namespace polis::http {
namespace {

using namespace std::chrono_literals;
using testing::grpc_message;
using testing::HttpTest;
using testing::RawClient;

class HabitsTest : public HttpTest {
 protected:
  RawClient::Answer ask(RawClient& client, std::string_view path, std::string_view body,
                        const Fields& fields = {}) {
    const StreamId id = client.request(path, body, fields);
    run_until([&] { return client.answer(id).ended || client.closed(); });
    return client.answer(id);
  }
  // The good client is served.
  void expect_served() { EXPECT_EQ(call("/t.T/Echo", "still here").second, "still here"); }
};

TEST_F(HabitsTest, any_authority_is_taken) {
  RawClient client(reactor_, server_->port());
  for (auto authority :
       {"#initially=[http://127.0.0.1:2379]", "127.0.0.1:2379/a", "a b", "x@y", ""}) {
    auto answer = ask(client, "/t.T/Echo", grpc_message("hello"), {{":authority", authority}});
    EXPECT_EQ(answer.grpc_status, "0") << authority;
    EXPECT_EQ(answer.body, grpc_message("hello")) << authority;
  }
}

TEST_F(HabitsTest, metadata_of_30_kB_and_values_with_blanks_around_are_taken) {
  RawClient client(reactor_, server_->port());
  const std::string large(30'000, 'm');
  EXPECT_EQ(ask(client, "/t.T/Echo", grpc_message("a"), {{"x-large", large}}).grpc_status, "0");
  EXPECT_EQ(ask(client, "/t.T/Echo", grpc_message("a"), {{"x-blanks", " a "}}).grpc_status, "0");
}

TEST_F(HabitsTest, a_malformed_request_ends_its_stream_alone) {
  RawClient client(reactor_, server_->port());
  const Fields wrong[] = {{{"con nection", "a"}},    {{"a b", "c"}},
                          {{"x", "a\nb"}},           {{":other", "a"}},
                          {{"connection", "close"}}, {{"transfer-encoding", "chunked"}},
                          {{":path", "/a b"}},       {{":method", "P T"}}};
  for (const Fields& fields : wrong)
    EXPECT_EQ(ask(client, "/t.T/Echo", grpc_message("a"), fields).reset, kProtocolError)
        << fields[0].first;
  EXPECT_EQ(ask(client, "/t.T/Echo", grpc_message("a"), {{"content-length", "7"}}).reset,
            kProtocolError);
  EXPECT_EQ(ask(client, "/t.T/Echo", grpc_message("a"), {{"content-length", "6"}}).grpc_status,
            "0");
}

std::string gzip(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

TEST_F(HabitsTest, requests_compressed_with_gzip_are_read_and_no_larger_than_others) {
  RawClient client(reactor_, server_->port());
  auto compressed = [](std::string_view text) {
    std::string message = grpc_message(gzip(text));
    message[0] = 1;
    return message;
  };
  const Fields with{{"grpc-encoding", "gzip"}};
  EXPECT_EQ(ask(client, "/t.T/Echo", compressed("hello"), with).body, grpc_message("hello"));
  EXPECT_EQ(ask(client, "/t.T/Echo", grpc_message("plain"), with).body, grpc_message("plain"));
  EXPECT_EQ(ask(client, "/t.T/Echo", compressed(std::string(3 << 20, 'a')), with).grpc_status, "8");
  EXPECT_EQ(ask(client, "/t.T/Echo", compressed("hello")).grpc_status, "13");
  std::string cut = compressed(std::string(1000, 'b'));
  cut.pop_back();
  cut[4] -= 1;
  EXPECT_EQ(ask(client, "/t.T/Echo", cut, with).grpc_status, "13");
  EXPECT_EQ(ask(client, "/t.T/Echo", compressed("hello"), {{"grpc-encoding", "br"}}).grpc_status,
            "12");
}

TEST_F(HabitsTest, thousands_of_open_streams_do_not_keep_the_next_one_out) {
  RawClient client(reactor_, server_->port());
  for (int i = 0; i < 5000; ++i) client.request("/t.T/Chat", {}, {}, false);
  EXPECT_EQ(ask(client, "/t.T/Echo", grpc_message("a")).grpc_status, "0");
  EXPECT_EQ(server_->counters().calls_open, 5000u);
}

TEST_F(HabitsTest, streams_over_the_bound_are_refused_and_may_be_tried_again) {
  client_.reset();
  server_.reset();
  serve({.streams_max = 10});
  RawClient client(reactor_, server_->port());
  for (int i = 0; i < 10; ++i) client.request("/t.T/Chat", {}, {}, false);
  EXPECT_EQ(ask(client, "/t.T/Echo", grpc_message("a")).reset, kRefusedStream);
}

TEST_F(HabitsTest, what_was_asked_before_a_half_close_is_answered) {
  RawClient client(reactor_, server_->port());
  const auto answer = ask(client, "/t.T/Chat", grpc_message("a") + grpc_message("b"));
  EXPECT_EQ(answer.body, grpc_message("re: a") + grpc_message("re: b"));
  EXPECT_EQ(answer.grpc_status, "0");
}

TEST_F(HabitsTest, sixty_thousand_pipelined_requests_are_answered_and_hold_nobody_up) {
  std::unique_ptr<io::Stream> stream;
  std::string requests, answers;
  constexpr std::size_t kRequests = 60'000;
  for (std::size_t i = 0; i < kRequests; ++i) requests += "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
  std::size_t at = 0;
  auto push = [&] { at += stream->write(std::string_view(requests).substr(at)); };
  auto connecting = reactor_.network().connect({"127.0.0.1", server_->port()}, 1s, [&](auto got) {
    stream = std::move(*got);
    stream->start({[&](std::string_view b) { answers += b; }, [](const std::string&) {}, push});
    push();
  });
  run_until([&] { return answers.size() > 1000; });
  expect_served();
  EXPECT_LT(answers.size(), 60 * kRequests);  // long before the last one is answered
  std::size_t one = 0;
  run_until([&] {
    if (one == 0) one = answers.find("HTTP/1.1 200", 1);
    return one != std::string::npos && answers.size() >= one * kRequests;
  });
  EXPECT_EQ(answers.size(), one * kRequests);
}

TEST_F(HabitsTest, the_body_of_a_get_is_not_the_next_request) {
  const std::string answer =
      raw("GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 35\r\n\r\n"
          "GET /other HTTP/1.1\r\nHost: x\r\n\r\n   "
          "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(answer.find("404"), std::string::npos) << answer;
  EXPECT_NE(answer.find("200", answer.find("200") + 1), std::string::npos) << answer;
}

TEST_F(HabitsTest, an_answer_to_head_has_a_length_and_no_body) {
  const std::string answer = raw("HEAD /health HTTP/1.0\r\n\r\n");
  EXPECT_NE(answer.find("content-length: 7"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

// --- floods

std::string frame(std::uint8_t type, std::uint8_t flags, StreamId stream,
                  std::string_view payload) {
  std::string out;
  const auto length = static_cast<std::uint32_t>(payload.size());
  for (int shift : {16, 8, 0}) out.push_back(static_cast<char>(length >> shift));
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  for (int shift : {24, 16, 8, 0})
    out.push_back(static_cast<char>(static_cast<std::uint32_t>(stream) >> shift));
  out += payload;
  return out;
}

class FloodTest : public HabitsTest, public ::testing::WithParamInterface<int> {};

TEST_P(FloodTest, frames_that_carry_nothing_end_their_connection_and_hold_nobody_up) {
  RawClient flood(reactor_, server_->port());
  const StreamId open = flood.request("/t.T/Chat", {}, {}, false);
  run_until([&] { return server_->counters().calls_open == 1; });
  const std::string kinds[] = {
      frame(8, 0, 0, std::string("\0\0\0\1", 4)),        // WINDOW_UPDATE
      frame(0, 0, open, ""),                             // DATA without a byte
      frame(0xbe, 0, 0, "unknown"),                      // of no known type
      frame(6, 0, 0, "12345678"),                        // PING
      frame(4, 0, 0, std::string("\0\1\0\0\x10\0", 6)),  // SETTINGS: the header table's size
      frame(2, 0, open, std::string("\0\0\0\0\1", 5)),   // PRIORITY
  };
  std::string burst;
  while (burst.size() < 256 << 10) burst += kinds[GetParam()];
  for (int i = 0; i < 40 && !flood.closed(); ++i) {
    flood.send_raw(burst);
    const Instant before = reactor_.now();
    expect_served();
    EXPECT_LT(reactor_.now() - before, 500ms);
  }
  run_until([&] { return flood.closed(); });
}
INSTANTIATE_TEST_SUITE_P(All, FloodTest, ::testing::Range(0, 6));

TEST_F(HabitsTest, a_body_longer_than_its_prefix_says_is_refused_at_once) {
  RawClient client(reactor_, server_->port());
  const StreamId id = client.request("/t.T/Echo", grpc_message("a") + "x", {}, false);
  run_until([&] { return !client.answer(id).grpc_status.empty(); });
  EXPECT_EQ(client.answer(id).grpc_status, "13");
  const StreamId large =
      client.request("/t.T/Echo", std::string("\0\x7f\xff\xff\xff", 5), {}, false);
  run_until([&] { return !client.answer(large).grpc_status.empty(); });
  EXPECT_EQ(client.answer(large).grpc_status, "8");
  // And whatever follows is not taken either: the stream has no room after its window.
  client.send(id, std::string(8 << 20, 'y'), false);
  expect_served();
  EXPECT_LT(server_->counters().bytes_received, 4u << 20);
}

TEST_F(HabitsTest, unfinished_requests_of_all_clients_share_one_bound) {
  client_.reset();
  server_.reset();
  serve({.request_bytes_max = 10 << 20});
  RawClient client(reactor_, server_->port());
  std::vector<StreamId> unfinished;
  std::string body = grpc_message(std::string(2'000'000, 'u'));
  body.resize(1'900'000);
  for (int i = 0; i < 40; ++i) unfinished.push_back(client.request("/t.T/Echo", body, {}, false));
  auto refused = [&] {
    return std::count_if(unfinished.begin(), unfinished.end(),
                         [&](StreamId id) { return client.answer(id).grpc_status == "8"; });
  };
  run_until([&] { return refused() >= 35; });
  expect_served();
  EXPECT_LT(refused(), 40);
}

TEST_F(HabitsTest, a_stream_that_is_not_read_is_given_no_more_messages) {
  std::size_t asked = 0;
  server_->add_stream("/t.T/Loud", [&](const CallPtr& call) {
    call->on_message = [&asked, call = call.get()](std::string_view) {
      ++asked;
      call->send(std::string(1000, 'l'));
    };
  });
  RawClient client(reactor_, server_->port());
  run_until([&] { return client.connected(); });
  client.stop_reading();
  std::string questions;
  for (int i = 0; i < 100'000; ++i) questions += grpc_message("?");
  client.request("/t.T/Loud", questions, {}, false);
  for (int i = 0; i < 50; ++i) expect_served();
  EXPECT_GT(asked, 0u);
  EXPECT_LT(asked, 20'000u);
}

TEST(FrameMeter, a_client_at_rest_and_one_that_reads_much_keep_their_credit) {
  FrameMeter meter(0);
  Instant now(std::chrono::hours(1));
  const std::string ping = frame(6, 0, 0, "12345678"),
                    window = frame(8, 0, 0, std::string("\0\0\0\1", 4));
  for (int i = 0; i < 100'000; ++i, now += 10s) ASSERT_TRUE(meter.on_received(ping, now));
  for (int i = 0; i < 1'000'000; ++i) {
    meter.on_sent(16 << 10);
    ASSERT_TRUE(meter.on_received(window + window, now));
  }
}

TEST(FrameMeter, frames_are_found_in_any_cut) {
  std::string bytes = "preface";
  for (int i = 0; i < 100; ++i)
    bytes += frame(0xbe, 0, 0, std::string(static_cast<std::size_t>(i), 'x'));
  for (std::size_t piece : {1u, 5u, 9u, 64u}) {
    FrameMeter meter(7);
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      EXPECT_TRUE(meter.on_received(std::string_view(bytes).substr(at, piece), Instant(1s)));
    EXPECT_EQ(meter.credit(), FrameMeter::kCreditMax - 100);
  }
}

}  // namespace
}  // namespace polis::http
