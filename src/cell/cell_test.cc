#include <gtest/gtest.h>

#include "base/random.hh"
#include "cell/peer_frame.hh"
#include "cell/settings.hh"

namespace polis::cell {
namespace {

TEST(PeerFrame, a_greeting_survives_the_wire_and_a_longer_one_is_read_too) {
  Greeting greeting{.cell = 7,
                    .from = consensus::ReplicaId(1),
                    .to = consensus::ReplicaId(2),
                    .name = "a",
                    .client_address = "h:1",
                    .version = "0.1"};
  auto read = decode_greeting(encode(greeting) + "from a newer version");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->name, "a");
  EXPECT_EQ(read->to, consensus::ReplicaId(2));
  EXPECT_FALSE(decode_greeting("GET / HTTP/1.1").has_value());
}

TEST(PeerFrame, frames_are_cut_out_of_any_stream_of_pieces) {
  std::string stream;
  for (int i = 0; i < 20; ++i)
    append_frame(stream, std::string(static_cast<std::size_t>(i * 37), 'x'));
  Random random(1);
  FrameReader reader;
  std::size_t at = 0, seen = 0;
  while (at < stream.size()) {
    std::size_t n = std::min<std::size_t>(random.between(1, 90), stream.size() - at);
    reader.add(std::string_view(stream).substr(at, n));
    at += n;
    while (true) {
      auto frame = reader.next();
      ASSERT_TRUE(frame.has_value());
      if (!*frame) break;
      EXPECT_EQ((*frame)->size(), seen * 37);
      ++seen;
    }
  }
  EXPECT_EQ(seen, 20u);
}

TEST(PeerFrame, a_flipped_bit_and_an_absurd_length_are_refused) {
  std::string stream;
  append_frame(stream, "hello");
  stream.back() ^= 1;
  FrameReader reader;
  reader.add(stream);
  EXPECT_FALSE(reader.next().has_value());
  FrameReader another;
  another.add(std::string("\xff\xff\xff\x7f\0\0\0\0", 8));
  EXPECT_FALSE(another.next().has_value());
}

Result<Settings> parse(std::map<std::string, std::string> flags) {
  return parse_settings(collect_settings("", flags, {}).value());
}

TEST(Settings, the_defaults_are_a_cell_of_one) {
  auto settings = parse({});
  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(settings->founders.size(), 1u);
}

TEST(Settings, replicas_agree_on_ids_without_talking) {
  const std::string initial = "a=h:1,b=h:2,c=h:3";
  auto a = parse({{"name", "a"}, {"initial", initial}}),
       b = parse({{"name", "b"}, {"initial", initial}});
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->id, b->id);
  EXPECT_EQ(a->cell_id, b->cell_id);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(a->founders[i].id, b->founders[i].id);
}

TEST(Settings, each_wrong_value_is_named_with_its_source_and_what_would_be_right) {
  struct Case {
    const char *name, *value, *expected;
  };
  for (const Case& c :
       {Case{"client", "nowhere", "HOST:PORT"}, Case{"heartbeat-interval", "soon", "such as 50ms"},
        Case{"election-timeout-min", "100ms", "3 times heartbeat-interval"},
        Case{"initial", "b=h:1", "does not stand in 'initial'"},
        Case{"initial", "a", "NAME=HOST:PORT"},
        Case{"initial", "default=h:1,default=h:2", "names a replica twice"},
        Case{"protocol", "zab", "known are raft and paxos"},
        Case{"wal-segment-bytes", "5", "whole number from"},
        Case{"log-level", "loud", "debug, info"}}) {
    auto settings = parse({{c.name, c.value}});
    ASSERT_FALSE(settings.has_value()) << c.name;
    EXPECT_NE(settings.error().text.find(c.expected), std::string::npos) << settings.error().text;
  }
}

}  // namespace
}  // namespace polis::cell
