#include "http/h1_parser.hh"

#include <gtest/gtest.h>

namespace polis::http {
namespace {

// What a parser makes of bytes that arrive in pieces of one size: "M target" for each request, its
// body in brackets, "." at its end, "! status" for an error.
std::string parse(std::string_view bytes, std::size_t piece) {
  H1Parser parser;
  std::string seen;
  while (!bytes.empty()) {
    std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    while (true) {
      const auto event = parser.feed(part);
      if (event == H1Parser::Event::kMore) break;
      if (event == H1Parser::Event::kRequest) seen += parser.method() + " " + parser.target();
      if (event == H1Parser::Event::kBody) seen += "[" + std::string(parser.body()) + "]";
      if (event == H1Parser::Event::kEnd) seen += ".";
      if (event == H1Parser::Event::kError)
        return seen + "! " + std::to_string(parser.error_status());
    }
  }
  return seen;
}

// Without regard to where a body was cut.
std::string joined(std::string text) {
  for (std::size_t at; (at = text.find("][")) != std::string::npos;) text.erase(at, 2);
  return text;
}

struct Case {
  const char *name, *bytes, *expected;
};

TEST(H1Parser, each_message_reads_in_one_way_or_is_refused_whatever_the_cut) {
  const Case cases[] = {
      {"a client that speaks TLS waits for an answer", "\x16\x03\x01\x02", "! 400"},
      {"plain", "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", "GET /health."},
      {"two requests", "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n",
       "GET /a.GET /b."},
      {"the body of a GET is no request",
       "GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\nGET /bc HTTP/1.1\r\n",
       "GET /a[GET /bc HTTP/1.1\r\n]."},
      {"length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "POST /[hello]."},
      {"equal lengths",
       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
       "POST /[a]."},
      {"chunks",
       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
       "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
       "POST /[abc0123456789]."},
      {"trailers",
       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
       "1\r\na\r\n0\r\nX: y\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n",
       "POST /[a].GET /b."},
      {"HTTP/1.0 needs no host", "GET / HTTP/1.0\r\n\r\n", "GET /."},
      {"leading empty line", "\r\nGET / HTTP/1.0\r\n\r\n", "GET /."},
      {"no host", "GET / HTTP/1.1\r\n\r\n", "! 400"},
      {"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "! 400"},
      {"both framings",
       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       "! 400"},
      {"different lengths",
       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "! 400"},
      {"list of lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n", "! 400"},
      {"signed length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", "! 400"},
      {"huge length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
       "! 400"},
      {"chunked twice",
       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
       "Transfer-Encoding: chunked\r\n\r\n",
       "! 400"},
      {"other coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
       "! 501"},
      {"coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "! 400"},
      {"blank before the colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "! 400"},
      {"folded field", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", "! 400"},
      {"field without a colon", "GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n", "! 400"},
      {"line without CR", "GET / HTTP/1.1\nHost: x\n\n", "! 400"},
      {"one line without CR", "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", "! 400"},
      {"chunk size without CR",
       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
       "POST /! 400"},
      {"chunk size with a sign",
       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "POST /! 400"},
      {"chunk longer than its size",
       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
       "POST /[a]! 400"},
      {"method that is no token", "GE(T / HTTP/1.1\r\nHost: x\r\n\r\n", "! 400"},
      {"blank in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "! 400"},
      {"HTTP/2 in words", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", "! 505"},
      {"no HTTP at all", "hello\r\n\r\n", "! 400"},
      {"unknown expectation", "POST / HTTP/1.1\r\nHost: x\r\nExpect: more\r\n\r\n", "! 417"},
  };
  for (const Case& one : cases) {
    for (std::size_t piece : {1u, 2u, 3u, 7u, 1000u})
      EXPECT_EQ(joined(parse(one.bytes, piece)), one.expected)
          << one.name << ", pieces of " << piece;
  }
  std::string control = "GET / HTTP/1.1\r\nHost: x\r\nA: b";
  control.push_back('\0');
  EXPECT_EQ(parse(control + "\r\n\r\n", 9), "! 400");
}

TEST(H1Parser, heads_have_a_bound_in_bytes_and_in_fields) {
  const std::string begin = "GET / HTTP/1.1\r\nHost: x\r\n";
  EXPECT_EQ(parse(begin + "A: " + std::string(60'000, 'a') + "\r\n\r\n", 4096), "GET /.");
  EXPECT_EQ(parse(begin + "A: " + std::string(70'000, 'a'), 4096), "! 431");
  std::string many = begin;
  for (int i = 0; i < 201; ++i) many += "A: b\r\n";
  EXPECT_EQ(parse(many + "\r\n", 4096), "! 431");
}

TEST(H1Parser, a_connection_is_kept_as_version_and_client_want) {
  for (auto [head, keep] : {std::pair("GET / HTTP/1.1\r\nHost: x\r\n\r\n", true),
                            {"GET / HTTP/1.1\r\nHost: x\r\nConnection: te, Close\r\n\r\n", false},
                            {"GET / HTTP/1.0\r\n\r\n", false},
                            {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true}}) {
    H1Parser parser;
    std::string_view bytes = head;
    ASSERT_EQ(parser.feed(bytes), H1Parser::Event::kRequest);
    EXPECT_EQ(parser.keep_alive(), keep) << head;
  }
}

TEST(H1Parser, names_of_fields_are_lower_case_and_values_without_blanks) {
  H1Parser parser;
  std::string_view bytes = "GET / HTTP/1.1\r\nHOST:x\r\nX-Some:\t two words \r\n\r\n";
  ASSERT_EQ(parser.feed(bytes), H1Parser::Event::kRequest);
  EXPECT_EQ(find_field(parser.fields(), "host"), "x");
  EXPECT_EQ(find_field(parser.fields(), "x-some"), "two words");
}

}  // namespace
}  // namespace polis::http
