#include "replica/member_change.hh"

#include <gtest/gtest.h>

#include "api/polis/cell.pb.h"
#include "base/coding.hh"

namespace polis::replica {
namespace {

using consensus::ReplicaId;
using store::Status;

MemberChange everything() {
  return {.kind = MemberChange::Kind::kAdd,
          .id = ReplicaId(0x1234'5678'9abc'def0),
          .name = "a",
          .peer = "10.0.0.1:2380",
          .client = "10.0.0.1:2379",
          .promote = true,
          .replaces = ReplicaId(7),
          .place = "north"};
}

TEST(MemberChange, comes_back_as_it_was) {
  EXPECT_EQ(decode_member_change(encode(everything())), everything());
  EXPECT_EQ(decode_member_change(encode(MemberChange())), MemberChange());
}

// Releases of before sent and read the public API's message; a cell of both must be able to change.
TEST(MemberChange, has_the_bytes_that_earlier_releases_read_and_write) {
  v1::ChangeRequest request;
  const std::string bytes = encode(everything());
  ASSERT_TRUE(request.ParseFromString(bytes));
  EXPECT_EQ(request.kind(), v1::ChangeRequest::ADD);
  EXPECT_EQ(request.id(), 0x1234'5678'9abc'def0u);
  EXPECT_EQ(request.name(), "a");
  EXPECT_EQ(request.peer(), "10.0.0.1:2380");
  EXPECT_EQ(request.client(), "10.0.0.1:2379");
  EXPECT_TRUE(request.promote());
  EXPECT_EQ(request.replaces(), 7u);
  EXPECT_EQ(request.place(), "north");
  EXPECT_EQ(request.SerializeAsString(), bytes);
}

TEST(MemberChange, skips_what_a_later_release_adds) {
  std::string bytes = encode(everything());
  Writer out(bytes);
  out.varint(100 * 8 + 0);
  out.varint(1 << 20);
  out.varint(101 * 8 + 1);
  out.u64(1);
  out.varint(102 * 8 + 2);
  out.string("new");
  out.varint(103 * 8 + 5);
  out.u32(1);
  EXPECT_EQ(decode_member_change(bytes), everything());
}

TEST(MemberChange, a_kind_of_a_later_release_is_none) {
  for (std::uint64_t kind : {5, 256 + 1}) {
    std::string bytes;
    Writer out(bytes);
    out.varint(8);
    out.varint(kind);
    auto change = decode_member_change(bytes);
    ASSERT_TRUE(change.has_value());
    EXPECT_EQ(change->kind, MemberChange::Kind::kNone) << kind;
  }
}

TEST(ChangeOutcome, comes_back_as_it_was) {
  const Status made, refused{store::Code::kFailedPrecondition, "no"};
  EXPECT_EQ(decode_outcome(made, encode_rest({made, ReplicaId(9)})).member, ReplicaId(9));
  const auto why = ChangeRefusal::kNoQuorum;
  EXPECT_EQ(decode_outcome(refused, encode_rest({refused, {}, why})).refusal, why);
}

TEST(ChangeOutcome, what_another_release_says_of_a_refusal_or_does_not_is_other) {
  const Status refused{store::Code::kFailedPrecondition, "no"};
  EXPECT_EQ(decode_outcome(refused, "").refusal, ChangeRefusal::kOther);
  EXPECT_EQ(decode_outcome(refused, "\x77").refusal, ChangeRefusal::kOther);
}

TEST(MemberChange, refuses_what_is_cut_short_or_makes_no_sense) {
  const std::string bytes = encode(everything());
  for (std::size_t length = 1; length < bytes.size(); ++length) {
    auto change = decode_member_change(bytes.substr(0, length));
    EXPECT_TRUE(!change || encode(*change) == bytes.substr(0, length)) << length;
  }
  EXPECT_FALSE(decode_member_change(std::string("\x03\x01", 2)));  // no field 0
  EXPECT_FALSE(decode_member_change("\x0b"));                      // no such shape
}

}  // namespace
}  // namespace polis::replica
