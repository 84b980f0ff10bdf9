#include <gtest/gtest.h>

#include "api/etcd/rpc.pb.h"
#include "http/testing/fixture.hh"
#include "json/gateway.hh"

namespace polis::json {
namespace {

using namespace std::chrono_literals;
using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;
using etcdserverpb::WatchRequest;
using etcdserverpb::WatchResponse;

class JsonTest : public http::testing::HttpTest {
 protected:
  JsonTest() { add_methods(); }
  // At a server that was just made.
  void add_methods() {
    server_->add_unary(
        "/etcdserverpb.KV/Range", [](const http::CallPtr& call, std::string_view bytes) {
          RangeRequest request;
          ASSERT_TRUE(request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
          if (request.key() == "wrong") return call->finish({11, "too \"old\""});
          RangeResponse response;
          response.add_kvs()->set_key(request.key());
          call->reply(response.SerializeAsString());
        });
    server_->add_unary("/etcdserverpb.KV/Put", [this](const http::CallPtr& call, std::string_view) {
      kept_.push_back(call);
    });
    server_->add_unary("/etcdserverpb.Auth/AuthStatus",
                       [](const http::CallPtr& call, std::string_view) {
                         etcdserverpb::AuthStatusResponse response;
                         response.mutable_header()->set_revision(7);
                         response.set_authrevision(1);
                         call->reply(response.SerializeAsString());
                       });
    // A watch that says for each request the key that it asked for.
    server_->add_stream("/etcdserverpb.Watch/Watch", [this](const http::CallPtr& call) {
      call->on_message = [call = call.get()](std::string_view bytes) {
        WatchRequest request;
        ASSERT_TRUE(request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
        WatchResponse response;
        response.set_cancel_reason(request.create_request().key());
        call->send(response.SerializeAsString());
      };
      call->on_half_close = [this, call = call.get()] {
        ++half_closed_;
        if (end_at_half_close_) call->finish({});
      };
    });
    gateway_ = std::make_unique<Gateway>(*server_, reactor_, Gateway::Limits{});
    add_etcd_routes(*gateway_);
  }
  std::string post(const std::string& path, const std::string& body,
                   const std::string& fields = "") {
    return raw("POST " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + fields +
               "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  std::unique_ptr<Gateway> gateway_;
  int half_closed_ = 0;
  bool end_at_half_close_ = true;
};

bool answers(const std::string& answer, int status, std::string_view body) {
  return answer.starts_with("HTTP/1.1 " + std::to_string(status) + " ") && answer.ends_with(body);
}

TEST_F(JsonTest, a_unary_method_is_served_and_its_errors_carry_etcds_codes) {
  std::string answer = post("/v3/kv/range", R"({"key":"Zm9v"} and what follows)");
  EXPECT_TRUE(answers(answer, 200, R"({"kvs":[{"key":"Zm9v"}]})")) << answer;
  EXPECT_NE(answer.find("content-type: application/json\r\n"), std::string::npos) << answer;
  answer = post("/v3/kv/range", R"({"key":"d3Jvbmc="})");
  EXPECT_TRUE(answers(answer, 400, R"({"code":11, "message":"too \"old\""})")) << answer;
  EXPECT_TRUE(answers(post("/v3/kv/range", ""), 200, R"({"kvs":[{}]})"));
  answer = post("/v3/kv/range", R"({"key":"!"})");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_NE(answer.find(R"({"code":3, "message":)"), std::string::npos) << answer;
  answer = post("/v3/kv/none", "{}");
  EXPECT_TRUE(answers(answer, 404, R"({"code":5, "message":"Not Found"})")) << answer;
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 404 Not Found")) << answer;
  answer = raw("GET /v3/kv/range HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answers(answer, 501, R"({"code":12, "message":"Method Not Allowed"})")) << answer;
  answer = post("/v3/auth/status", "{}");
  EXPECT_TRUE(answers(answer, 200, R"({"header":{"revision":"7"},"authRevision":"1"})")) << answer;
  answer = post("/v3/auth/enable", "{}");
  EXPECT_TRUE(answers(answer, 501,
                      R"({"code":12, "message":"unknown method /etcdserverpb.Auth/AuthEnable"})"))
      << answer;
}

TEST_F(JsonTest, a_deadline_ends_a_call) {
  const std::string answer = post("/v3/kv/put", "{}", "Grpc-Timeout: 60m\r\n");
  EXPECT_TRUE(answers(answer, 504, R"({"code":4, "message":"context deadline exceeded"})"))
      << answer;
  EXPECT_FALSE(kept_[0]->open());
  EXPECT_TRUE(answers(post("/v3/kv/put", "{}", "Grpc-Timeout: -5S\r\n"), 504,
                      R"({"code":4, "message":"context deadline exceeded"})"));
  EXPECT_EQ(kept_.size(), 1u) << "the method is not called";
  EXPECT_TRUE(post("/v3/kv/range", "{}", "Grpc-Timeout: +5S\r\n").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(
      post("/v3/kv/range", "{}", "Grpc-Timeout: 999999999S\r\n").starts_with("HTTP/1.1 200"));
  for (auto wrong : {"soon", "5", "-", "--5S", "-S", "123456789", "123456789x"})
    EXPECT_TRUE(
        answers(post("/v3/kv/put", "{}", std::string("Grpc-Timeout: ") + wrong + "\r\n"), 400,
                std::string(R"({"code":3, "message":"invalid grpc-timeout: )") + wrong + "\"}"));
}

TEST_F(JsonTest, paths_are_taken_as_etcds_router_takes_them) {
  const auto status = [this](const std::string& path) {
    return post(path, R"({"key":"Zm9v"})").substr(9, 3);
  };
  EXPECT_EQ(status("/v3/kv%2Frange"), "200");
  EXPECT_EQ(status("/v3/kv/range?key=x"), "200");
  EXPECT_EQ(status("//v3/kv/range"), "307");
  EXPECT_EQ(status("/v3"), "307");
  for (auto none : {"/v3/", "/v3/kv/range/", "/v3/kv/Range", "/v3/kv/rangestream"})
    EXPECT_EQ(status(none), "404") << none;
}

TEST_F(JsonTest, interceptors_see_metadata_from_header_fields) {
  server_->methods().add_interceptor(
      [](const http::CallPtr&, const http::Metadata& metadata) -> std::optional<http::GrpcStatus> {
        if (http::find_field(metadata, "hasleader") != "true") return std::nullopt;
        return http::GrpcStatus{14, "etcdserver: no leader"};
      });
  EXPECT_TRUE(answers(post("/v3/kv/range", "{}", "Grpc-Metadata-hasleader: true\r\n"), 503,
                      R"({"code":14, "message":"etcdserver: no leader"})"));
}

TEST_F(JsonTest, a_stream_is_one_object_a_line_and_ends_with_its_request) {
  const std::string answer =
      post("/v3/watch", R"({"create_request":{"key":"YQ=="}} {"createRequest":{"key":"Yg=="}})");
  EXPECT_NE(answer.find("{\"result\":{\"cancel_reason\":\"a\"}}\n"), std::string::npos) << answer;
  EXPECT_NE(answer.find("{\"result\":{\"cancel_reason\":\"b\"}}\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n0\r\n\r\n")) << answer;
  EXPECT_EQ(half_closed_, 1);
  EXPECT_NE(post("/v3/watch", "{}{").find(R"({"error":{"code":3,"message":"unexpected EOF"}})"),
            std::string::npos);
}

// The chunks of an answer.
std::vector<std::string> chunks_of(const std::string& answer) {
  std::vector<std::string> chunks;
  for (std::size_t at = answer.find("\r\n\r\n") + 4; at < answer.size();) {
    const std::size_t line = answer.find("\r\n", at);
    const std::size_t size = std::stoul(answer.substr(at, line - at), nullptr, 16);
    if (size == 0) break;
    chunks.push_back(answer.substr(line + 2, size));
    at = line + 2 + size + 2;
  }
  return chunks;
}

// etcd3gw reads each chunk as one object, and its watch ends in silence where that fails.
TEST_F(JsonTest, each_message_of_a_stream_is_one_chunk_whatever_its_size) {
  const std::string large(200'000, 'A');  // in base64
  const auto chunks =
      chunks_of(post("/v3/watch", R"({"create_request":{"key":"YQ=="}}{"create_request":{"key":")" +
                                      large + R"("}}{"create_request":{"key":"Yg=="}}{)"));
  ASSERT_EQ(chunks.size(), 4u);
  EXPECT_EQ(chunks[0], "{\"result\":{\"cancel_reason\":\"a\"}}\n");
  EXPECT_GT(chunks[1].size(), 150'000u);
  EXPECT_TRUE(chunks[1].ends_with("}}\n"));
  EXPECT_EQ(chunks[2], "{\"result\":{\"cancel_reason\":\"b\"}}\n");
  EXPECT_EQ(chunks[3], "{\"error\":{\"code\":3,\"message\":\"unexpected EOF\"}}\n");
}

TEST_F(JsonTest, the_name_of_the_api_before_etcd_3_4_is_served_too) {
  EXPECT_TRUE(
      answers(post("/v3beta/kv/range", R"({"key":"Zm9v"})"), 200, R"({"kvs":[{"key":"Zm9v"}]})"));
  EXPECT_TRUE(answers(post("/v3beta/kv/none", "{}"), 404, R"({"code":5, "message":"Not Found"})"));
  EXPECT_TRUE(post("/v3alpha/kv/range", "{}").starts_with("HTTP/1.1 404 "));
}

TEST_F(JsonTest, unfinished_bodies_of_all_clients_share_one_bound) {
  serve({.request_bytes_max = 500'000});
  add_methods();
  std::vector<std::unique_ptr<io::Stream>> streams(2);
  std::vector<std::string> answers(2);
  std::vector<std::unique_ptr<io::Connecting>> connecting;
  const std::size_t sizes[] = {200'000, 400'000};
  for (std::size_t i : {0, 1}) {
    connecting.push_back(
        reactor_.network().connect({"127.0.0.1", server_->port()}, 1s, [&, i](auto got) {
          streams[i] = std::move(*got);
          streams[i]->start(
              {[&, i](std::string_view b) { answers[i] += b; }, [](const std::string&) {}, [] {}});
          streams[i]->write(
              "POST /v3/kv/range HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" +
              std::string(sizes[i], ' '));
        }));
  }
  run_until([&] { return !answers[1].empty(); });
  EXPECT_TRUE(answers[1].starts_with("HTTP/1.1 429 ")) << answers[1];
  EXPECT_TRUE(answers[0].empty()) << answers[0];
}

TEST_F(JsonTest, a_stream_is_answered_while_its_request_goes_on) {
  std::unique_ptr<io::Stream> stream;
  std::string answer;
  auto connecting = reactor_.network().connect({"127.0.0.1", server_->port()}, 1s, [&](auto got) {
    stream = std::move(*got);
    stream->start({[&](std::string_view b) { answer += b; }, [](const std::string&) {}, [] {}});
    stream->write(
        "POST /v3/watch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "21\r\n{\"create_request\":{\"key\":\"YQ==\"}}\r\n");
  });
  run_until(
      [&] { return answer.find("{\"result\":{\"cancel_reason\":\"a\"}}\n") != std::string::npos; });
  stream->write("21\r\n{\"create_request\":{\"key\":\"Yg==\"}}\r\n");
  run_until(
      [&] { return answer.find("{\"result\":{\"cancel_reason\":\"b\"}}\n") != std::string::npos; });
  EXPECT_EQ(half_closed_, 0);
}

}  // namespace
}  // namespace polis::json
