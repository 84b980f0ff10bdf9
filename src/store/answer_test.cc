// Answers that are planned in slices and read in pieces, and what commands may cost.

#include "store/answer.hh"

#include <gtest/gtest.h>

#include "api/etcd/rpc.pb.h"
#include "store/testing/memory_store.hh"

namespace polis::store {
namespace {

using namespace etcdserverpb;

const std::string kEnd(1, '\0');

class Fixture : public ApplySink, public testing::MemoryStore {
 public:
  Fixture() { EXPECT_TRUE(open().has_value()); }
  bool wants_replies(const Origin&) override { return waiting; }
  void on_reply(const Origin&, std::size_t, Reply reply) override { last = std::move(reply); }
  void on_duplicate(const Origin&) override {}
  void on_lease(std::int64_t, std::int64_t, bool) override {}

  template <typename Request>
  void run(CommandKind kind, const Request& request) {
    std::string bytes = request.SerializeAsString();
    EXPECT_TRUE(validate(kind, bytes).ok());
    store->apply(entry(kind, bytes), *this);
  }
  void put(const std::string& key, const std::string& value) {
    PutRequest request;
    request.set_key(key);
    request.set_value(value);
    run(CommandKind::kPut, request);
  }
  void fill(int keys, const std::string& value) {
    for (int i = 0; i < keys; ++i) put("key" + std::to_string(100'000 + i), value);
  }

  bool waiting = true;
  Reply last;
};

// In slices of one key and pieces of a few bytes.
template <typename Response>
Response read_all(Reply& reply) {
  if (reply.answer) {
    std::uint64_t work = 1;
    while (!reply.answer->plan(work)) work = 1;
    EXPECT_TRUE(reply.answer->status().ok()) << reply.answer->status().text;
    while (reply.answer->read(reply.body, 7)) {
    }
    EXPECT_EQ(reply.body.size(), reply.answer->body_bytes());
  }
  Response response;
  EXPECT_TRUE(response.ParseFromString(reply.body));
  return response;
}

TxnRequest put_and_ranges(int ranges) {
  TxnRequest txn;
  auto* put = txn.add_success()->mutable_request_put();
  put->set_key("x");
  put->set_value("1");
  for (int i = 0; i < ranges; ++i) {
    auto* range = txn.add_success()->mutable_request_range();
    range->set_key(kEnd);
    range->set_range_end(kEnd);
  }
  return txn;
}

TEST(Answer, of_a_transaction_is_made_only_where_a_client_waits_and_costs_no_memory_there) {
  Fixture f;
  f.fill(2000, std::string(1000, 'v'));
  f.waiting = false;
  f.run(CommandKind::kTxn, put_and_ranges(127));
  f.waiting = true;
  f.run(CommandKind::kTxn, put_and_ranges(127));
  ASSERT_NE(f.last.answer, nullptr);  // 250 MB, none of which exists
  EXPECT_TRUE(f.last.body.empty());
  std::uint64_t work = 0;
  EXPECT_TRUE(f.last.answer->plan(work));  // from sums alone
  EXPECT_GT(f.last.answer->body_bytes(), 127u * 2000 * 1000);
  std::string piece;
  EXPECT_TRUE(f.last.answer->read(piece, 10'000));
  EXPECT_LT(piece.size(), 12'000u);
}

TEST(Answer, shows_the_moment_of_each_operation_whatever_follows) {
  Fixture f;
  f.fill(300, std::string(1000, 'v'));
  TxnRequest txn;
  auto add_range = [&] {
    auto* range = txn.add_success()->mutable_request_range();
    range->set_key("key");
    range->set_range_end("l");
  };
  add_range();
  auto* put = txn.add_success()->mutable_request_put();
  put->set_key("key100257");
  put->set_value("new");
  put->set_prev_kv(true);
  add_range();
  auto* deletion = txn.add_success()->mutable_request_delete_range();
  deletion->set_key("key1000");
  deletion->set_range_end("key10000x");
  deletion->set_prev_kv(true);
  auto* nested = txn.add_success()->mutable_request_txn();
  auto* sorted = nested->add_success()->mutable_request_range();
  sorted->set_key("key");
  sorted->set_range_end("l");
  sorted->set_sort_target(RangeRequest::VALUE);
  sorted->set_sort_order(RangeRequest::DESCEND);
  txn.mutable_success(3)->mutable_request_delete_range()->set_key("key10000");
  f.run(CommandKind::kTxn, txn);
  Reply reply = std::move(f.last);
  ASSERT_NE(reply.answer, nullptr);
  f.fill(300, "written later");
  f.put("key0", "before all");
  f.save();
  auto response = read_all<TxnResponse>(reply);
  ASSERT_EQ(response.responses_size(), 5);
  EXPECT_TRUE(response.succeeded());
  const auto& before = response.responses(0).response_range();
  ASSERT_EQ(before.kvs_size(), 300);
  EXPECT_EQ(before.count(), 300);
  EXPECT_EQ(before.header().revision(), 301);
  EXPECT_EQ(before.kvs(7).value(), std::string(1000, 'v'));
  EXPECT_EQ(response.responses(1).response_put().prev_kv().value(), std::string(1000, 'v'));
  const auto& after = response.responses(2).response_range();
  EXPECT_EQ(after.header().revision(), 302);
  ASSERT_EQ(after.kvs_size(), 300);
  EXPECT_EQ(after.kvs(257).value(), "new");
  EXPECT_EQ(after.kvs(257).version(), 2);
  const auto& deleted = response.responses(3).response_delete_range();
  EXPECT_EQ(deleted.deleted(), 10);
  ASSERT_EQ(deleted.prev_kvs_size(), 10);
  EXPECT_EQ(deleted.prev_kvs(7).value(), std::string(1000, 'v'));
  const auto& inner = response.responses(4).response_txn();
  ASSERT_EQ(inner.responses_size(), 1);
  EXPECT_EQ(inner.responses(0).response_range().kvs_size(), 290);
}

TEST(Answer, of_a_deletion_with_previous_values_is_read_while_it_is_sent) {
  Fixture f;
  f.fill(1000, std::string(1000, 'v'));
  DeleteRangeRequest request;
  request.set_key("key");
  request.set_range_end("l");
  request.set_prev_kv(true);
  f.run(CommandKind::kDeleteRange, request);
  ASSERT_NE(f.last.answer, nullptr);
  auto response = read_all<DeleteRangeResponse>(f.last);
  EXPECT_EQ(response.deleted(), 1000);
  ASSERT_EQ(response.prev_kvs_size(), 1000);
  EXPECT_EQ(response.prev_kvs(999).value(), std::string(1000, 'v'));
  EXPECT_EQ(f.store->index().total().alive, 0u);
}

TEST(Answer, every_way_of_reading_agrees_with_the_plain_one) {
  Fixture f;
  Random random(3);
  for (int i = 0; i < 3000; ++i) {
    f.put("k" + std::to_string(random.below(400)),
          std::string("a value with a prefix ") + std::to_string(random.below(50)));
  }
  DeleteRangeRequest deletion;
  deletion.set_key("k2");
  deletion.set_range_end("k3");
  f.run(CommandKind::kDeleteRange, deletion);
  const auto newest = static_cast<std::int64_t>(f.store->revision());
  for (int round = 0; round < 500; ++round) {
    RangeQuery query{.range = {"k" + std::to_string(random.below(400)), kEnd}};
    query.revision = random.below(2) ? 0 : static_cast<std::uint64_t>(newest) - random.below(2000);
    RangeQuery plain = query;
    query.limit = static_cast<std::int64_t>(random.below(3) ? random.below(100) : 0);
    if (random.below(20) == 0) query.limit = 1001;
    query.target = static_cast<RangeQuery::Target>(random.below(5));
    query.descending = random.below(2);
    query.keys_only = random.below(4) == 0;
    query.count_only = random.below(8) == 0;
    if (random.below(4) == 0) query.min_mod = newest - static_cast<std::int64_t>(random.below(900));
    if (random.below(4) == 0)
      query.max_create = newest - static_cast<std::int64_t>(random.below(900));

    RangeResponse all;
    ASSERT_TRUE(all.ParseFromString(f.store->range(plain).body));
    std::vector<mvccpb::KeyValue> expected;
    for (const auto& kv : all.kvs()) {
      if (query.min_mod != 0 && kv.mod_revision() < query.min_mod) continue;
      if (query.max_create != 0 && kv.create_revision() > query.max_create) continue;
      expected.push_back(kv);
    }
    auto less = [&](const mvccpb::KeyValue& a, const mvccpb::KeyValue& b) {
      switch (query.target) {
        case RangeQuery::Target::kKey:
          return a.key() < b.key();
        case RangeQuery::Target::kVersion:
          return a.version() < b.version();
        case RangeQuery::Target::kCreate:
          return a.create_revision() < b.create_revision();
        case RangeQuery::Target::kMod:
          return a.mod_revision() < b.mod_revision();
        case RangeQuery::Target::kValue:
          return a.value() < b.value();
      }
      return false;
    };
    std::stable_sort(expected.begin(), expected.end(), [&](const auto& a, const auto& b) {
      return query.descending ? less(b, a) : less(a, b);
    });
    const bool more = query.limit != 0 && std::cmp_greater(expected.size(), query.limit);
    if (more) expected.resize(static_cast<std::size_t>(query.limit));
    if (query.count_only) expected.clear();

    Reply reply;
    reply.answer.reset(new Answer);
    reply.answer->add_range(std::make_unique<RangeCursor>(*f.store, query));
    auto response = read_all<RangeResponse>(reply);
    SCOPED_TRACE(::testing::Message()
                 << "target " << int(query.target) << (query.descending ? " descending" : "")
                 << " limit " << query.limit << " revision " << query.revision << " of "
                 << all.count() << " min mod " << query.min_mod << " max create "
                 << query.max_create);
    ASSERT_EQ(response.count(), all.count());
    ASSERT_EQ(response.more(), more && !query.count_only);
    ASSERT_EQ(response.kvs_size(), static_cast<int>(expected.size()));
    for (int i = 0; i < response.kvs_size(); ++i) {
      const auto& want = expected[static_cast<std::size_t>(i)];
      ASSERT_EQ(response.kvs(i).key(), want.key());
      ASSERT_EQ(response.kvs(i).mod_revision(), want.mod_revision());
      ASSERT_EQ(response.kvs(i).version(), want.version());
      ASSERT_EQ(response.kvs(i).value(), query.keys_only ? "" : want.value());
    }
  }
}

TEST(Answer, a_long_history_is_gone_back_in_slices) {
  Fixture f;
  for (int i = 0; i < 1000; ++i) f.put("a", std::to_string(i));
  RangeCursor cursor(*f.store, {.range = {"a", ""}, .revision = 10});
  int slices = 0;
  for (std::uint64_t work = 10 * kRecordWork; !cursor.plan(work); work = 10 * kRecordWork) ++slices;
  EXPECT_GT(slices, 90);
  std::string body;
  EXPECT_TRUE(cursor.read(body, SIZE_MAX));
  RangeResponse response;
  ASSERT_TRUE(response.ParseFromString(body));
  EXPECT_EQ(response.kvs(0).value(), "8");
}

TEST(Answer, a_plan_by_sums_needs_no_work_and_a_sort_with_a_limit_holds_no_more_than_that) {
  Fixture f;
  f.fill(5000, "v");
  std::uint64_t nothing = 0;
  for (bool descending : {false, true}) {
    RangeCursor cursor(*f.store, {.range = {"key", kEnd}, .limit = 9, .descending = descending});
    EXPECT_TRUE(cursor.plan(nothing));
  }
  RangeCursor count(*f.store, {.range = {"key", kEnd}, .count_only = true});
  EXPECT_TRUE(count.plan(nothing));
  RangeCursor sorted(*f.store, {.range = {"key", kEnd}, .target = RangeQuery::Target::kMod});
  EXPECT_FALSE(sorted.plan(nothing));
  std::uint64_t some = 100;
  EXPECT_FALSE(sorted.plan(some));
  EXPECT_EQ(some, 0u);
}

TEST(Cost, of_compares_and_deletions_is_known_from_sums) {
  Fixture f;
  f.fill(1000, "value");
  TxnRequest txn;
  auto* compare = txn.add_compare();
  compare->set_key("key");
  compare->set_range_end(kEnd);
  compare->set_target(Compare::MOD);
  compare->set_result(Compare::LESS);
  compare->set_mod_revision(1'000'000);
  EXPECT_GE(f.store->cost_of(txn).work, 1000 * kKeyWork);
  compare->set_target(Compare::VALUE);
  compare->set_value("x");
  EXPECT_GE(f.store->cost_of(txn).work, 1000 * kRecordWork);
  // "There is no key in this range": the first one answers.
  compare->set_target(Compare::CREATE);
  compare->set_result(Compare::EQUAL);
  compare->set_create_revision(0);
  EXPECT_LE(f.store->cost_of(txn).work, kKeyWork);
  auto* deletion = txn.add_failure()->mutable_request_delete_range();
  deletion->set_key("key");
  deletion->set_range_end(kEnd);
  deletion->set_prev_kv(true);
  EXPECT_GE(f.store->cost_of(txn).work, 1000 * kDeleteWork);
  EXPECT_GE(f.store->cost_of(txn).answer_bytes, 1000u * 25);
  *txn.add_failure()->mutable_request_txn() = put_and_ranges(3);
  EXPECT_GE(f.store->cost_of(txn).answer_bytes, 4000u * 25);
}

TEST(Cost, compares_over_ranges_say_what_they_said) {
  Fixture f;
  f.put("a", "1");
  f.put("b", "2");
  f.put("b", "3");
  auto holds = [&](Compare::CompareTarget target, Compare::CompareResult result,
                   std::int64_t number, const char* end = "z") {
    TxnRequest txn;
    auto* compare = txn.add_compare();
    compare->set_key("a");
    compare->set_range_end(end);
    compare->set_target(target);
    compare->set_result(result);
    if (target == Compare::VERSION) compare->set_version(number);
    if (target == Compare::CREATE) compare->set_create_revision(number);
    if (target == Compare::MOD) compare->set_mod_revision(number);
    txn.add_success()->mutable_request_range()->set_key("a");
    Reply reply = f.store->read_txn(txn);
    TxnResponse response;
    EXPECT_TRUE(response.ParseFromString(reply.body));
    return response.succeeded();
  };
  for (auto target : {Compare::VERSION, Compare::CREATE, Compare::MOD}) {
    EXPECT_FALSE(holds(target, Compare::EQUAL, 0));
    EXPECT_TRUE(holds(target, Compare::NOT_EQUAL, 0));
    EXPECT_TRUE(holds(target, Compare::GREATER, 0));
    EXPECT_FALSE(holds(target, Compare::LESS, 0));
    EXPECT_FALSE(holds(target, Compare::LESS, 1));
    EXPECT_TRUE(holds(target, Compare::LESS, 9));
  }
  EXPECT_FALSE(holds(Compare::VERSION, Compare::EQUAL, 1));
  EXPECT_FALSE(holds(Compare::VERSION, Compare::GREATER, 1));
  EXPECT_TRUE(holds(Compare::VERSION, Compare::GREATER, 0, "b"));
  EXPECT_TRUE(holds(Compare::VERSION, Compare::EQUAL, 1, "b"));
}

}  // namespace
}  // namespace polis::store
