// The values of the typed client, and how calls end.

#include "client/kv.hh"

#include <gtest/gtest.h>

#include "api/etcd/rpc.pb.h"

namespace polis::client {
namespace {

using Sent = Client::Sent;

http::GrpcStatus status(int code) { return {code, "text"}; }

TEST(Outcome, what_may_have_been_sent_and_has_no_answer_is_unknown) {
  for (int code : {1, 2, 4, 13, 14, 15, 99}) {
    EXPECT_EQ(error_of(status(code), Sent::kPerhaps).code, ErrorCode::kUnknown) << code;
    EXPECT_EQ(error_of(status(code), Sent::kNo).code, ErrorCode::kUnavailable) << code;
  }
}

TEST(Outcome, what_the_cell_refused_was_not_done) {
  for (int code : {3, 6, 7, 9, 12, 16})
    EXPECT_EQ(error_of(status(code), Sent::kPerhaps).code, ErrorCode::kInvalid) << code;
  for (int code : {5, 11})
    EXPECT_EQ(error_of(status(code), Sent::kPerhaps).code, ErrorCode::kNotFound) << code;
  EXPECT_EQ(error_of(status(8), Sent::kPerhaps).code, ErrorCode::kNoSpace);
}

TEST(Outcome, unknown_is_neither_done_nor_failed) {
  Outcome<int> unknown(fail(ErrorCode::kUnknown, "no answer"));
  EXPECT_TRUE(unknown.unknown());
  EXPECT_FALSE(unknown.failed());
  EXPECT_FALSE(unknown.done());
  auto still = std::move(unknown).then([](int) -> Result<std::string> { return "made"; });
  EXPECT_TRUE(still.unknown());
  Outcome<int> failed(fail(ErrorCode::kUnavailable, "refused"));
  EXPECT_TRUE(failed.failed());
  auto made = Outcome<int>(7).then([](int n) -> Result<std::string> { return std::to_string(n); });
  EXPECT_EQ(made.value(), "7");
}

TEST(Keys, a_prefix_ends_before_the_next_one) {
  EXPECT_EQ(Keys::with_prefix("a/"), Keys::between("a/", "a0"));
  EXPECT_EQ(Keys::with_prefix("a\xff"), Keys::between("a\xff", "b"));
  EXPECT_EQ(Keys::with_prefix("\xff"), Keys::from("\xff"));
  EXPECT_EQ(Keys::with_prefix(""), Keys::all());
  EXPECT_TRUE(Keys::with_prefix("a/").contains("a/b"));
  EXPECT_FALSE(Keys::with_prefix("a/").contains("a0"));
  EXPECT_TRUE(Keys::with_prefix("\xff").contains("\xff\xff"));
}

TEST(Keys, a_range_with_an_empty_end_is_empty) {
  EXPECT_FALSE(Keys::between("a", "").contains("a"));
  EXPECT_EQ(Keys::as_etcd("a", ""), Keys::one("a"));
}

TEST(Keys, behind_a_key_comes_the_next_possible_one) {
  EXPECT_EQ(Keys::with_prefix("a").behind("ab"), Keys::between(std::string("ab\0", 3), "b"));
  EXPECT_FALSE(Keys::one("a").behind("a").contains("a"));
  EXPECT_FALSE(Keys::one("a").behind("a").contains(std::string("a\0", 2)));
}

TEST(Wire, a_transaction_says_what_it_was_built_from) {
  Txn txn;
  txn.when(absent("a"))
      .when(value("b").is_not("x"))
      .when(lease("c").is(LeaseId(9)))
      .when(changed("d").is_greater_than(ModRevision(4)))
      .when(version("e").is_less_than(Version(2)))
      .then(Write{.key = "a", .value = "1", .lease = LeaseId(9)})
      .then(Removal{.keys = Keys::with_prefix("z/")})
      .otherwise(Read{.keys = Keys::one("a"), .limit = 1, .order = Read::Order::kCreatedLast});
  etcdserverpb::TxnRequest request;
  ASSERT_TRUE(request.ParseFromString(wire::encode(txn)));
  ASSERT_EQ(request.compare_size(), 5);
  EXPECT_EQ(request.compare(0).target(), etcdserverpb::Compare::CREATE);
  EXPECT_EQ(request.compare(0).create_revision(), 0);
  EXPECT_EQ(request.compare(1).result(), etcdserverpb::Compare::NOT_EQUAL);
  EXPECT_EQ(request.compare(1).value(), "x");
  EXPECT_EQ(request.compare(2).lease(), 9);
  EXPECT_EQ(request.compare(3).result(), etcdserverpb::Compare::GREATER);
  EXPECT_EQ(request.compare(3).mod_revision(), 4);
  EXPECT_EQ(request.compare(4).result(), etcdserverpb::Compare::LESS);
  EXPECT_EQ(request.compare(4).version(), 2);
  EXPECT_EQ(request.success(0).request_put().lease(), 9);
  EXPECT_EQ(request.success(1).request_delete_range().range_end(), "z0");
  EXPECT_EQ(request.failure(0).request_range().sort_target(), etcdserverpb::RangeRequest::CREATE);
  EXPECT_EQ(request.failure(0).request_range().sort_order(), etcdserverpb::RangeRequest::DESCEND);
}

TEST(Wire, steps_of_a_transaction_keep_their_order_and_its_revision) {
  etcdserverpb::TxnResponse response;
  response.mutable_header()->set_revision(12);
  response.set_succeeded(true);
  auto* put = response.add_responses()->mutable_response_put();
  put->mutable_prev_kv()->set_value("old");
  response.add_responses()->mutable_response_range()->add_kvs()->set_key("k");
  response.add_responses()->mutable_response_delete_range()->set_deleted(3);
  auto committed = wire::decode_committed(response.SerializeAsString());
  ASSERT_TRUE(committed);
  EXPECT_TRUE(committed->held());
  ASSERT_EQ(committed->steps.size(), 3u);
  EXPECT_EQ(std::get<Written>(committed->steps[0]).previous->value, "old");
  EXPECT_EQ(std::get<Found>(committed->steps[1]).keys[0].key, "k");
  EXPECT_EQ(std::get<Found>(committed->steps[1]).at, Revision(12));
  EXPECT_EQ(std::get<Removed>(committed->steps[2]).count, 3);
}

TEST(Wire, bytes_that_are_no_message_give_nothing) {
  EXPECT_FALSE(wire::decode_found("\xff\xff"));
  EXPECT_FALSE(wire::decode_watch_reply("\xff\xff"));
  EXPECT_FALSE(wire::decode_granted(""));  // a lease without an id
}

}  // namespace
}  // namespace polis::client
