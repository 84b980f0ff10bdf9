#include <gtest/gtest.h>

#include "base/random.hh"
#include "consensus/paxos/message.hh"

namespace polis::paxos {
namespace {

Message sample() {
  const Ballot ballot{Term(7), ReplicaId(1)};
  return {.type = MessageType::kAccept,
          .from = ReplicaId(1),
          .to = ReplicaId(2),
          .ballot = ballot,
          .slot = LogIndex(11),
          .commit = LogIndex(9),
          .entries = {
              {Term(7), LogIndex(11), consensus::EntryKind::kCommand, share("hello"), ReplicaId(1)},
              {Term(7), LogIndex(12), consensus::EntryKind::kNoop, nullptr, ReplicaId(1)}}};
}

TEST(Message, survives_the_wire) {
  Result<Message> read = Message::decode(encode(sample()));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(describe(*read), describe(sample()));
  EXPECT_EQ(*read->entries[0].data, "hello");
}

TEST(Message, a_chunk_rides_at_the_end) {
  Message message{.type = MessageType::kSnapshotChunk,
                  .from = ReplicaId(1),
                  .to = ReplicaId(2),
                  .snapshot_size = 10,
                  .offset = 4,
                  .chunk_length = 3};
  message.mark.configuration.voters = {ReplicaId(1), ReplicaId(2)};
  Result<Message> read = Message::decode(encode(message) + "abc");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->chunk, "abc");
  EXPECT_EQ(read->mark, message.mark);
  EXPECT_FALSE(Message::decode(encode(message) + "ab").has_value());
}

TEST(Message, every_truncation_and_every_extra_byte_is_refused) {
  std::string bytes = encode(sample());
  for (std::size_t n = 0; n < bytes.size(); ++n)
    EXPECT_FALSE(Message::decode(bytes.substr(0, n)).has_value()) << n;
  EXPECT_FALSE(Message::decode(bytes + "x").has_value());
}

TEST(Message, flipped_bits_never_crash_the_decoder) {
  Random random(3);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = encode(sample());
    bytes[random.below(bytes.size())] ^= static_cast<char>(1 << random.below(8));
    auto read = Message::decode(bytes);
    if (read) {
      EXPECT_FALSE(describe(*read).empty());
    }
  }
}

TEST(Message, proposed_entries_that_leave_a_hole_are_refused_and_accepted_ones_may) {
  Message message = sample();
  message.entries[1].index = LogIndex(14);
  EXPECT_FALSE(Message::decode(encode(message)).has_value());
  message.type = MessageType::kPromise;
  ASSERT_TRUE(Message::decode(encode(message)).has_value());
  message.entries[1].index = LogIndex(11);
  EXPECT_FALSE(Message::decode(encode(message)).has_value());
}

TEST(Message, polls_carry_their_own_numbers) {
  Message poll{.type = MessageType::kPoll, .polls_in_vain = 5};
  EXPECT_EQ(Message::decode(encode(poll))->polls_in_vain, 5u);
  EXPECT_EQ(Message::decode(encode(poll))->round, 0u);
  Message reply{.type = MessageType::kPollReply, .promised_term = Term(7)};
  EXPECT_EQ(Message::decode(encode(reply))->promised_term, Term(7));
}

TEST(Message, a_hand_over_names_whom_it_follows) {
  Message message = sample();
  message.type = MessageType::kPrepare;
  message.entries.clear();
  message.predecessor = {Term(6), ReplicaId(3)};
  message.round = 12;
  auto read = Message::decode(encode(message));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->predecessor, message.predecessor);
  EXPECT_EQ(read->round, 12u);
}

}  // namespace
}  // namespace polis::paxos
