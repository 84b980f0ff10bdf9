#include "http/door.hh"

#include "http/date.hh"
#include "http/paths.hh"
#include "http/testing/fixture.hh"

namespace polis::http {
namespace {

class DoorTest : public testing::HttpTest {
 protected:
  std::string ask(const std::string& fields, const std::string& line = "GET /health") {
    return raw(line + " HTTP/1.1\r\nConnection: close\r\n" + fields + "\r\n");
  }
};

bool has(const std::string& answer, std::string_view text) {
  return answer.find(text) != std::string::npos;
}

TEST_F(DoorTest, pages_in_browsers_are_refused_unless_their_origin_is_allowed) {
  EXPECT_TRUE(ask("Host: x\r\n").starts_with("HTTP/1.1 200 "));
  std::string answer = ask("Host: x\r\nOrigin: http://x\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 403 ")) << answer;
  EXPECT_TRUE(has(answer, "--cors http://x")) << answer;
  answer = ask("Host: x\r\nOrigin: http://x\r\n", "OPTIONS /v3/kv/put");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 403 ")) << answer;

  server_->router().set_door(Door({.origins = {"http://a:1", "https://b"}, .hosts = {}}));
  answer = ask("Host: x\r\nOrigin: https://b\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
  EXPECT_TRUE(has(answer, "access-control-allow-origin: https://b\r\n")) << answer;
  EXPECT_TRUE(has(answer, "access-control-allow-headers: accept, content-type, authorization\r\n"));
  EXPECT_FALSE(has(ask("Host: x\r\n"), "access-control"));
  for (auto other : {"https://b:443", "http://b", "https://b.evil", "null"})
    EXPECT_TRUE(
        ask(std::string("Host: x\r\nOrigin: ") + other + "\r\n").starts_with("HTTP/1.1 403"))
        << other;
}

TEST_F(DoorTest, with_all_origins_every_answer_says_so) {
  server_->router().set_door(Door({.origins = {"*"}, .hosts = {}}));
  for (auto line : {"GET /health", "GET /none", "POST /health", "OPTIONS /any/thing"}) {
    const std::string answer = ask("Host: x\r\n", line);
    EXPECT_TRUE(has(answer, "access-control-allow-origin: *\r\n")) << line << answer;
    EXPECT_TRUE(has(answer, "access-control-allow-methods: POST, GET, OPTIONS, PUT, DELETE\r\n"));
  }
  const std::string answer = ask("Host: x\r\nOrigin: http://x\r\n", "OPTIONS /any/thing");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
  EXPECT_TRUE(has(answer, "content-length: 0\r\n")) << answer;
}

TEST_F(DoorTest, names_that_are_not_listed_are_refused) {
  server_->router().set_door(Door({.origins = {"*"}, .hosts = {"db.example", "::1"}}));
  EXPECT_TRUE(ask("Host: db.example\r\n").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(ask("Host: db.example:2379\r\n").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(ask("Host: [::1]:2379\r\n").starts_with("HTTP/1.1 200 "));
  for (auto other : {"DB.example", "localhost", "127.0.0.1", "x.db.example", ""}) {
    const std::string answer = ask(std::string("Host: ") + other + "\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 421 Misdirected Request\r\n")) << answer;
    EXPECT_TRUE(has(answer, "--host-whitelist")) << answer;
    EXPECT_FALSE(has(answer, "access-control")) << answer;
  }
}

TEST_F(DoorTest, unknown_pages_are_not_found_by_any_method) {
  for (auto line : {"GET /", "POST /", "PUT /v2/keys/a", "DELETE /health/"}) {
    const std::string answer = ask("Host: x\r\n", line);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 404 Not Found\r\n")) << line << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\n404 page not found\n")) << answer;
    EXPECT_TRUE(has(answer, "x-content-type-options: nosniff\r\n")) << answer;
  }
  const std::string answer = ask("Host: x\r\n", "POST /health");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 405 ")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nMethod Not Allowed\n")) << answer;
}

TEST_F(DoorTest, paths_that_are_not_clean_are_sent_to_those_that_are) {
  const auto location = [this](const std::string& path) {
    const std::string answer = ask("Host: x\r\n", "POST " + path);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 307 Temporary Redirect\r\n")) << path << answer;
    const std::size_t at = answer.find("location: ") + 10;
    return answer.substr(at, answer.find("\r\n", at) - at);
  };
  EXPECT_EQ(location("//v3/kv/range"), "/v3/kv/range");
  EXPECT_EQ(location("/v3/./kv//range/?a=b"), "/v3/kv/range/?a=b");
  EXPECT_EQ(location("/v3/../../x/.."), "/");
  EXPECT_EQ(location("/%2e%2e/a%0d%0aSet-Cookie:b%20%25"), "/a%0D%0ASet-Cookie:b%20%25");
  EXPECT_EQ(location("//evil.example/"), "/evil.example/");
  EXPECT_TRUE(ask("Host: x\r\n", "GET /he%61lth").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(ask("Host: x\r\n", "GET /he%6").starts_with("HTTP/1.1 404 "));
}

TEST(Paths, clean_ones_are_known) {
  for (auto clean : {"/", "/a", "/a/", "/a/b", "/a/..b", "/.a"}) EXPECT_TRUE(is_clean(clean));
  for (auto other : {"", "a", "//", "/a//", "/a//b", "/./a", "/a/..", "/a/.", "/a/../"})
    EXPECT_FALSE(is_clean(other)) << other;
}

TEST_F(DoorTest, answers_carry_the_date_of_the_clock) {
  EXPECT_FALSE(has(ask("Host: x\r\n"), "date: "));
  serve({.wall_clock = [] { return std::int64_t{784111777} * 1'000'000'000; }});
  for (auto line : {"GET /health", "GET /none", "bad request"})
    EXPECT_TRUE(has(ask("Host: x\r\n", line), "\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"))
        << line;
  EXPECT_EQ(http_date(951827696), "Tue, 29 Feb 2000 12:34:56 GMT");
}

}  // namespace
}  // namespace polis::http
