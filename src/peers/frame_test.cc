#include "peers/frame.hh"

#include <gtest/gtest.h>

#include "base/random.hh"

namespace polis::peers {
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

TEST(PeerFrame, a_greeting_says_whether_answers_are_wanted_and_an_older_one_does_not) {
  std::string bytes = encode(Greeting{.name = "a", .answers = true});
  EXPECT_TRUE(decode_greeting(bytes)->answers);
  bytes.pop_back();  // as the release before wrote it
  EXPECT_FALSE(decode_greeting(bytes)->answers);
  EXPECT_FALSE(decode_refusal(kAcceptedFrame).has_value());
  EXPECT_FALSE(decode_refusal(kHeartbeatFrame).has_value());
}

TEST(PeerFrame, a_first_frame_is_bounded_more_tightly) {
  std::string stream;
  append_frame(stream, std::string(kGreetingBytesMax + 1, 'x'));
  FrameReader reader;
  reader.add(std::string_view(stream).substr(0, kFrameHeaderBytes));
  EXPECT_FALSE(reader.next(kGreetingBytesMax).has_value());
}

}  // namespace
}  // namespace polis::peers
