#include <gtest/gtest.h>

#include "cell/settings.hh"

namespace polis::cell {
namespace {

using Flags = std::map<std::string, std::string>;

Result<Settings> parse(const Flags& flags) {
  return parse_settings(host::collect_settings(setting_infos(), "", flags, {}).value());
}

TEST(Advertised, what_the_cell_is_told) {
  const std::string three = "a=10.0.0.1:2380,b=10.0.0.2:2380,c=10.0.0.3:2380";
  struct Case {
    Flags flags;
    const char *client, *peer;
  };
  for (const Case& c : {
           Case{{}, "127.0.0.1:2379", "127.0.0.1:2380"},
           Case{{{"client", "http://10.0.0.1:2379"}, {"peer", "http://10.0.0.1:2380"}},
                "10.0.0.1:2379",
                "10.0.0.1:2380"},
           // The host that the founders agreed on, also behind an address that is translated.
           Case{{{"name", "a"}, {"initial", three}, {"client", ":2379"}, {"peer", "0.0.0.0:2380"}},
                "10.0.0.1:2379",
                "10.0.0.1:2380"},
           Case{{{"name", "b"},
                 {"initial", three},
                 {"client", "[::]:2379"},
                 {"peer", "172.17.0.2:2380"}},
                "10.0.0.2:2379",
                "10.0.0.2:2380"},
           Case{{{"initial", "default=127.0.0.1:9,b=127.0.0.1:10"}, {"client", ":1"}},
                "127.0.0.1:1",
                "127.0.0.1:9"},
           Case{{{"name", "a"},
                 {"initial", "a=http://[2001:db8::1]:2380,b=[2001:db8::2]:2380"},
                 {"client", ":2379"}},
                "[2001:db8::1]:2379",
                "[2001:db8::1]:2380"},
           Case{{{"advertise-client", "http://db.example:80,10.0.0.1:2379"},
                 {"advertise-peer", "db.example:81"},
                 {"client", ":2379"},
                 {"peer", ":2380"}},
                "db.example:80,10.0.0.1:2379",
                "db.example:81"},
           Case{{{"advertise-peer", "10.0.0.7:2380"}, {"peer", ":2380"}, {"client", ":2379"}},
                "10.0.0.7:2379",
                "10.0.0.7:2380"},
           // Several; a unix socket is told only if there is nothing else.
           Case{{{"client", "127.0.0.1:1,unix:///x.sock,[::1]:2"}},
                "127.0.0.1:1,[::1]:2",
                "127.0.0.1:2380"},
           Case{{{"client", "unix://localhost:2379"}}, "unix://localhost:2379", "127.0.0.1:2380"},
       }) {
    auto settings = parse(c.flags);
    ASSERT_TRUE(settings.has_value()) << settings.error().text;
    EXPECT_EQ(settings->client_text, c.client);
    EXPECT_EQ(settings->peer_text, c.peer);
    // What members tell each other is what the founders have in their configuration.
    for (const auto& member : founding(*settings).members) {
      if (member.id != settings->id) continue;
      EXPECT_EQ(member.peer, c.peer);
    }
  }
}

TEST(Advertised, an_address_that_leads_nowhere_is_never_told) {
  for (const char* everywhere : {":1", "0.0.0.0:1", "[::]:1", ":::1"}) {
    auto settings = parse({{"client", everywhere}, {"peer", everywhere}});
    ASSERT_TRUE(settings.has_value()) << settings.error().text;
    for (const std::string& told : {settings->client_text, settings->peer_text})
      EXPECT_FALSE(io::parse_address(told)->unspecified()) << told;
    EXPECT_FALSE(settings->founders.front().address.unspecified());
  }
}

TEST(Advertised, what_cannot_be_told_is_refused_with_the_line_to_write) {
  struct Case {
    Flags flags;
    const char* expected;
  };
  const std::string two = "a=10.0.0.1:2380,b=10.0.0.2:2380";
  for (const Case& c : {
           Case{{{"join", "10.0.0.2:2379"}, {"peer", ":2380"}}, "add --advertise-peer HOST:2380"},
           Case{{{"advertise-peer", "0.0.0.0:2380"}}, "write HOST:2380"},
           Case{{{"advertise-peer", "unix:///x"}}, "write HOST:2380"},
           Case{{{"advertise-client", ":2379"}}, "write 127.0.0.1:2379"},
           Case{{{"name", "a"}, {"initial", two}, {"advertise-peer", "10.0.0.9:2380"}},
                "write --advertise-peer 10.0.0.1:2380"},
           Case{{{"name", "a"}, {"initial", "a=0.0.0.0:2380,b=10.0.0.2:2380"}}, "a=10.0.0.1:2380"},
           Case{{{"name", "a"}, {"initial", "a=unix:///x,b=10.0.0.2:2380"}}, "cannot reach"},
           Case{{{"peer", "unix:///x"}}, "by TCP"},
           Case{{{"client", "https://10.0.0.1:2379"}}, "https:// needs 'cert-file'"},
           Case{{{"name", "a"}, {"initial", "a=https://10.0.0.1:2380"}}, "needs 'peer-cert-file'"},
       }) {
    auto settings = parse(c.flags);
    ASSERT_FALSE(settings.has_value()) << c.expected;
    EXPECT_NE(settings.error().text.find(c.expected), std::string::npos) << settings.error().text;
  }
}

}  // namespace
}  // namespace polis::cell
