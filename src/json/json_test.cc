#include <gtest/gtest.h>

#include "api/etcd/rpc.pb.h"
#include "http/testing/fixture.hh"
#include "json/gateway.hh"
#include "json/translate.hh"

namespace polis::json {
namespace {

using namespace std::chrono_literals;
using etcdserverpb::PutRequest;
using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;
using etcdserverpb::WatchRequest;
using etcdserverpb::WatchResponse;

template <typename Message>
Message read(std::string_view text) {
  Message message;
  auto bytes = to_message(*Message::descriptor(), text);
  EXPECT_TRUE(bytes.has_value()) << text << ": " << bytes.error().text;
  EXPECT_TRUE(message.ParseFromString(bytes.value_or("")));
  return message;
}

TEST(Translate, requests_are_read_as_etcds_gateway_reads_them) {
  EXPECT_EQ(read<PutRequest>(R"({"key":"Zm9v","value":"YmFy"})").key(), "foo");
  EXPECT_TRUE(read<PutRequest>(R"({"prev_kv":true})").prev_kv());
  EXPECT_TRUE(read<PutRequest>(R"({"prevKv":true})").prev_kv());
  EXPECT_EQ(read<PutRequest>(R"({"lease":"9007199254740993"})").lease(), 9007199254740993);
  EXPECT_EQ(read<PutRequest>(R"({"lease":5})").lease(), 5);
  EXPECT_EQ(read<PutRequest>(R"({"unknown":{"a":[1]},"key":"YQ=="})").key(), "a");
  EXPECT_EQ(read<PutRequest>(R"({"key":"YQ"})").key(), "a");          // without padding
  EXPECT_EQ(read<PutRequest>(R"({"key":"_-8"})").key(), "\xff\xef");  // the other alphabet
  EXPECT_EQ(read<PutRequest>("").ByteSizeLong(), 0u);
  EXPECT_EQ(read<PutRequest>(R"({"key":null})").key(), "");
  EXPECT_EQ(read<RangeRequest>(R"({"sort_order":"DESCEND"})").sort_order(), RangeRequest::DESCEND);
  for (auto wrong : {R"({"key":"!"})", R"({"lease":"x"})", R"({"lease":1.5})", R"({"prev_kv":1})",
                     R"([])", R"({"key":)", R"("x")"})
    EXPECT_FALSE(to_message(*PutRequest::descriptor(), wrong).has_value()) << wrong;
}

std::string refusal(std::string_view text) {
  auto message = to_message(*PutRequest::descriptor(), text);
  return message ? "" : message.error().text;
}

TEST(Translate, what_two_readers_could_take_for_different_requests_is_refused_in_etcds_words) {
  EXPECT_EQ(refusal(R"({"key":"YQ==","key":"Yg=="})"),
            "proto: (line 1:15): duplicate field \"key\"");
  EXPECT_EQ(refusal("{\"prev_kv\":true,\n \"prevKv\":true}"),
            "proto: (line 2:2): duplicate field \"prevKv\"");
  EXPECT_NE(refusal(R"({"key":"YQ==","k\u0065y":"Yg=="})"), "");
  EXPECT_EQ(refusal("{'key':'YQ=='}"),
            "invalid character '\\'' looking for beginning of object key string");
  EXPECT_EQ(refusal(R"({"key":"YQ==",})"),
            "invalid character '}' looking for beginning of object key string");
  EXPECT_EQ(refusal(R"({key:"YQ=="})"),
            "invalid character 'k' looking for beginning of object key string");
  EXPECT_EQ(refusal(R"({"key":"YQ==")"), "unexpected EOF");
  EXPECT_EQ(refusal(R"({"lease":)"), "unexpected EOF");
  EXPECT_EQ(refusal("null"), "proto: syntax error (line 1:1): unexpected token null");
  EXPECT_EQ(refusal("[]"), "proto: syntax error (line 1:1): unexpected token [");
  EXPECT_EQ(refusal(R"("x")"), "proto: syntax error (line 1:1): unexpected token \"x\"");
  for (auto wrong : {R"({"lease":01})", R"({"lease":+1})", R"({"lease":1.})", R"({"lease":0x1})",
                     R"({"a":[1,]})", R"({"a":tru})", R"({"a":"\x"})", R"({"a":"\u12g4"})",
                     "{\"a\":\"\n\"}", R"({"a" 1})", R"({"a":1 "b":2})", R"({} {})", "{/**/}"})
    EXPECT_NE(refusal(wrong), "") << wrong;
  EXPECT_EQ(refusal("{\"a\":" + std::string(100'000, '[')),
            "invalid character '[' exceeded max depth");
  const auto* txn = etcdserverpb::TxnRequest::descriptor();
  EXPECT_EQ(to_message(*txn, R"({"success":[null]})").error().text,
            "proto: syntax error (line 1:13): unexpected token null");
  EXPECT_EQ(to_message(*txn, R"({"success":{}})").error().text,
            "proto: syntax error (line 1:12): unexpected token {");
}

TEST(Translate, every_form_of_json_is_taken) {
  EXPECT_EQ(refusal(" {\r\n\t\"key\" : \"YQ==\" , \"lease\" : -0 } "), "");
  EXPECT_EQ(
      refusal(R"({"a":{"b":1,"b":[[],{},[1.5e+3,-2E-1,0.1]]},"c":"\u00e4\"\\\/\n","c":null})"), "")
      << "fields that are not known may be anything";
  EXPECT_EQ(refusal(R"({"key":null,"prev_kv":false,"lease":1e2})"), "");
  EXPECT_TRUE(to_message(*etcdserverpb::TxnRequest::descriptor(), R"({"success":null})"));
}

TEST(Translate, answers_are_printed_as_etcd_prints_them) {
  RangeResponse response;
  response.mutable_header()->set_cluster_id(14841639068965178418u);
  response.mutable_header()->set_revision(7);
  auto* kv = response.add_kvs();
  kv->set_key("foo");
  kv->set_value("<bar>");
  kv->set_mod_revision(7);
  response.set_count(1);
  EXPECT_EQ(from_message(*RangeResponse::descriptor(), response.SerializeAsString()).value(),
            R"({"header":{"cluster_id":"14841639068965178418","revision":"7"},)"
            R"("kvs":[{"key":"Zm9v","mod_revision":"7","value":"PGJhcj4="}],"count":"1"})");
  EXPECT_EQ(from_message(*RangeResponse::descriptor(), "").value(), "{}");
  EXPECT_FALSE(from_message(*RangeResponse::descriptor(), "\xff").has_value());
}

TEST(ObjectReader, objects_are_found_in_any_cut) {
  const std::string text = R"( {"a":"}{\"\\"} {"b":[{"c":1}]}{})";
  for (std::size_t piece = 1; piece < text.size(); ++piece) {
    ObjectReader reader(100);
    std::vector<std::string> seen;
    std::string_view object;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      reader.add(std::string_view(text).substr(at, piece));
      while (reader.next(object) == ObjectReader::Outcome::kObject) seen.emplace_back(object);
    }
    EXPECT_EQ(seen, (std::vector<std::string>{R"({"a":"}{\"\\"})", R"({"b":[{"c":1}]})", "{}"}));
    EXPECT_TRUE(reader.only_blanks_left());
  }
  ObjectReader reader(10);
  std::string_view object;
  reader.add("x");
  EXPECT_EQ(reader.next(object), ObjectReader::Outcome::kNoObject);
  ObjectReader small(10);
  small.add(R"({"a":"0123456789)");
  EXPECT_EQ(small.next(object), ObjectReader::Outcome::kTooLarge);
}

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
  EXPECT_TRUE(post("/v3/kv/put", "{}", "Grpc-Timeout: soon\r\n").starts_with("HTTP/1.1 400 "));
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
  EXPECT_TRUE(post("/v3alpha/kv/range", "{}").starts_with("HTTP/1.1 405 "));
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
