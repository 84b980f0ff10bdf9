#include "io/address.hh"

#include <gtest/gtest.h>

namespace polis::io {
namespace {

TEST(Address, each_form_is_understood) {
  struct Case {
    const char *given, *text;
  };
  for (const Case& c : {
           Case{"127.0.0.1:2379", "127.0.0.1:2379"},
           Case{"http://127.0.0.1:2379", "127.0.0.1:2379"},
           Case{"http://127.0.0.1:2379/", "127.0.0.1:2379"},
           Case{"https://127.0.0.1:2379/", "https://127.0.0.1:2379"},
           Case{"https://[::1]:2379", "https://[::1]:2379"},
           Case{"tcp://node-1.example:2379", "node-1.example:2379"},
           Case{"localhost:0", "localhost:0"},
           Case{":2379", ":2379"},
           Case{"http://:2379", ":2379"},
           Case{"0.0.0.0:2379", "0.0.0.0:2379"},
           Case{"[::1]:2379", "[::1]:2379"},
           Case{"http://[2001:db8::1]:2379", "[2001:db8::1]:2379"},
           Case{"2001:db8::1:2379", "[2001:db8::1]:2379"},
           Case{"::1:2379", "[::1]:2379"},
           Case{":::2379", "[::]:2379"},
           Case{"[::]:2379", "[::]:2379"},
           Case{"[fe80::1%eth0]:2379", "[fe80::1%eth0]:2379"},
           Case{"unix:///run/polis.sock", "unix:///run/polis.sock"},
           Case{"unix:/run/polis.sock", "unix:///run/polis.sock"},
           Case{"unix://polis.sock", "unix://polis.sock"},
           Case{"unix://localhost:2379", "unix://localhost:2379"},
           Case{"unix://localhost:m10", "unix://localhost:m10"},
           Case{"unixs:///run/polis.sock", "unixs:///run/polis.sock"},
           Case{"unixs:/run/polis.sock", "unixs:///run/polis.sock"},
           Case{"unixs://localhost:2379", "unixs://localhost:2379"},
       }) {
    auto address = parse_address(c.given);
    ASSERT_TRUE(address.has_value()) << c.given << ": " << address.error().text;
    EXPECT_EQ(address->text(), c.text) << c.given;
    EXPECT_EQ(parse_address(address->text()), *address) << c.given;
    EXPECT_EQ(parse_address(address->url()), *address) << c.given;
  }
}

TEST(Address, what_is_wrong_is_named_with_what_to_write) {
  struct Case {
    const char *given, *expected;
  };
  const std::string long_path = "unix://" + std::string(108, 'x');
  for (const Case& c : {
           Case{"unixs:", "the path of the socket is missing"},
           Case{"ftp://10.0.0.1:2379", "'ftp' is no scheme"},
           Case{"http://https://a:1", "'https' is no scheme"},
           Case{"10.0.0.1", "the port is missing"},
           Case{"http://10.0.0.1", "the port is missing"},
           Case{"", "the port is missing"},
           Case{"a:70000", "'70000' is no port"},
           Case{"a:http", "'http' is no port"},
           Case{"a:", "'' is no port"},
           Case{"a:-1", "'-1' is no port"},
           Case{"a:1/v3", "nothing may stand behind the port"},
           Case{"fe80::1", "stands in brackets"},
           Case{"1:2:3", "stands in brackets"},
           Case{"[10.0.0.1]:1", "'10.0.0.1' is no host"},
           Case{"[]:1", "'[]' is no host"},
           Case{"a b:1", "'a b' is no host"},
           Case{"user@host:1", "'user@host' is no host"},
           Case{"unix://", "the path of the socket is missing"},
           Case{long_path.c_str(), "at most 107 bytes"},
       }) {
    auto address = parse_address(c.given);
    ASSERT_FALSE(address.has_value()) << c.given;
    EXPECT_NE(address.error().text.find(c.expected), std::string::npos) << address.error().text;
  }
}

TEST(Address, every_address_and_this_machine_alone_are_told_apart) {
  for (const char* all : {":1", "0.0.0.0:1", "[::]:1", ":::1", "[0:0::0]:1"})
    EXPECT_TRUE(parse_address(all)->unspecified()) << all;
  for (const char* one : {"10.0.0.1:1", "[::1]:1", "localhost:1", "unix://x"})
    EXPECT_FALSE(parse_address(one)->unspecified()) << one;
  for (const char* here : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "unix://x"})
    EXPECT_TRUE(parse_address(here)->loopback()) << here;
  for (const char* there : {"10.0.0.1:1", ":1", "[2001:db8::1]:1"})
    EXPECT_FALSE(parse_address(there)->loopback()) << there;
}

TEST(Address, several_stand_with_commas_between) {
  EXPECT_TRUE(parse_address("a:1", NoScheme::kTls)->tls);
  EXPECT_FALSE(parse_address("http://a:1", NoScheme::kTls)->tls);
  EXPECT_EQ(parse_address("https://a:1")->authority(), "a:1");
  EXPECT_EQ(parse_address("https://a:1")->with_tls(false).text(), "a:1");
  EXPECT_FALSE(parse_address("unix:///x", NoScheme::kTls)->tls);
  EXPECT_TRUE(parse_address("unixs:///x")->tls);
  EXPECT_EQ(parse_address("unixs:///x")->certified_host(), "localhost");
  EXPECT_EQ(parse_address("[fe80::1%eth0]:1")->certified_host(), "fe80::1");
  auto found = parse_addresses("http://10.0.0.1:1,[::1]:2,unix:///x");
  ASSERT_TRUE(found.has_value());
  ASSERT_EQ(found->size(), 3u);
  EXPECT_EQ(found->at(1).text(), "[::1]:2");
  EXPECT_FALSE(parse_addresses("").has_value());
  EXPECT_FALSE(parse_addresses("a:1,,b:2").has_value());
}

TEST(Address, the_host_of_this_machine_is_one_that_can_be_told) {
  auto host = host_of_this_machine();
  if (!host) GTEST_SKIP() << "no interface but loopback is up here";
  const Address address{*host, 1, ""};
  EXPECT_FALSE(address.unspecified() || address.loopback()) << *host;
}

}  // namespace
}  // namespace polis::io
