#include "store/store.hh"

#include <gtest/gtest.h>

#include "api/etcd/rpc.pb.h"
#include "store/answer.hh"
#include "store/testing/memory_store.hh"

namespace polis::store {
namespace {

using namespace etcdserverpb;

// A store on an engine in memory, fed with entries as a replica would feed it.
class Fixture : public ApplySink, public testing::MemoryStore {
 public:
  Fixture() { restart(); }

  bool wants_replies(const Origin&) override { return true; }
  void on_reply(const Origin&, std::size_t, Reply reply) override {
    last = std::move(reply);
    std::uint64_t work = UINT64_MAX;
    if (!last.answer) return;
    EXPECT_TRUE(last.answer->plan(work));
    if (last.status = last.answer->status(); !last.status.ok()) return;
    const std::uint64_t bytes = last.answer->body_bytes();
    while (last.answer->read(last.body, 1000)) {
    }
    EXPECT_EQ(last.body.size(), bytes);
  }
  void on_duplicate(const Origin&) override { ++duplicates; }
  void on_lease(std::int64_t, std::int64_t, bool) override {}

  void restart() { EXPECT_TRUE(open().has_value()); }
  template <typename Request>
  const Reply& run(CommandKind kind, const Request& request) {
    std::string bytes = request.SerializeAsString();
    EXPECT_TRUE(validate(kind, bytes).ok());
    store->apply(entry(kind, bytes), *this);
    return last;
  }
  const Reply& put(const std::string& key, const std::string& value, std::int64_t lease = 0) {
    PutRequest request;
    request.set_key(key);
    request.set_value(value);
    request.set_lease(lease);
    request.set_prev_kv(true);
    return run(CommandKind::kPut, request);
  }
  std::int64_t del(const std::string& key, const std::string& end = "") {
    DeleteRangeRequest request;
    request.set_key(key);
    request.set_range_end(end);
    DeleteRangeResponse response;
    response.ParseFromString(run(CommandKind::kDeleteRange, request).body);
    return response.deleted();
  }
  const Reply& compact(std::int64_t revision) {
    CompactionRequest request;
    request.set_revision(revision);
    return run(CommandKind::kCompact, request);
  }
  RangeResponse range(const RangeRequest& request) {
    RangeQuery query;
    bool serializable;
    EXPECT_TRUE(parse_range(request.SerializeAsString(), query, serializable).ok());
    Reply reply = store->range(query);
    EXPECT_TRUE(reply.status.ok()) << reply.status.text;
    RangeResponse response;
    EXPECT_TRUE(response.ParseFromString(reply.body));
    return response;
  }
  RangeResponse all(std::int64_t revision = 0) {
    RangeRequest request;
    request.set_key(std::string(1, '\0'));
    request.set_range_end(std::string(1, '\0'));
    request.set_revision(revision);
    return range(request);
  }

  Reply last;
  int duplicates = 0;
};

std::string text(const RangeResponse& response) {
  std::string out;
  for (const auto& kv : response.kvs()) {
    out += kv.key() + "=" + kv.value() + "@" + std::to_string(kv.create_revision()) + "/" +
           std::to_string(kv.mod_revision()) + "v" + std::to_string(kv.version()) + " ";
  }
  return out;
}

TEST(Store, revisions_that_are_skipped_are_called_compacted) {
  Fixture f;
  f.put("a", "1");
  f.put("a", "2");
  f.store->skip_revisions(100);
  EXPECT_EQ(f.store->revision(), 103u);
  EXPECT_FALSE(f.store->readable(50).ok());
  EXPECT_EQ(text(f.all()), "a=2@2/3v2 ");
  f.put("a", "3");
  EXPECT_EQ(text(f.all()), "a=3@2/104v3 ");
  EXPECT_EQ(text(f.all(103)), "a=2@2/3v2 ");
  f.save();
  f.restart();
  EXPECT_EQ(f.store->revision(), 104u);
  EXPECT_EQ(f.store->compacted(), 103u);
}

TEST(Store, who_saved_it_is_remembered_with_it) {
  Fixture f;
  const SavedBy by{.cell = 1, .replica = ReplicaId(2), .log_durable = 300};
  f.save();
  EXPECT_FALSE(f.store->saved_by());
  f.store->set_saved_by(by);
  EXPECT_TRUE(f.store->unsaved());
  f.save();
  EXPECT_FALSE(f.store->unsaved());
  f.store->set_saved_by(by);
  EXPECT_FALSE(f.store->unsaved());
  f.restart();
  EXPECT_EQ(f.store->saved_by(), by);
}

TEST(Store, a_put_makes_a_revision_and_a_version) {
  Fixture f;
  EXPECT_EQ(f.store->revision(), 1u);
  f.put("a", "1");
  EXPECT_EQ(f.last.revision, 2u);
  f.put("a", "2");
  f.put("b", "x");
  EXPECT_EQ(text(f.all()), "a=2@2/3v2 b=x@4/4v1 ");
  EXPECT_EQ(text(f.all(2)), "a=1@2/2v1 ");
  PutResponse response;
  f.put("a", "3");
  response.ParseFromString(f.last.body);
  EXPECT_EQ(response.prev_kv().value(), "2");
}

TEST(Store, a_deletion_ends_a_life_and_the_next_put_begins_another) {
  Fixture f;
  f.put("a", "1");
  EXPECT_EQ(f.del("a"), 1);
  EXPECT_EQ(f.del("a"), 0);
  EXPECT_EQ(f.store->revision(), 3u);  // deleting nothing makes no revision
  f.put("a", "2");
  EXPECT_EQ(text(f.all()), "a=2@4/4v1 ");
  EXPECT_EQ(text(f.all(3)), "");
  EXPECT_EQ(text(f.all(2)), "a=1@2/2v1 ");
}

TEST(Store, ignore_value_and_ignore_lease_keep_what_was) {
  Fixture f;
  LeaseGrantRequest grant;
  grant.set_id(9);
  grant.set_ttl(60);
  f.run(CommandKind::kLeaseGrant, grant);
  f.put("a", "1", 9);
  PutRequest request;
  request.set_key("a");
  request.set_ignore_value(true);
  EXPECT_TRUE(f.run(CommandKind::kPut, request).status.ok());
  EXPECT_EQ(f.all().kvs(0).value(), "1");
  EXPECT_EQ(f.all().kvs(0).lease(), 0);
  f.put("a", "1", 9);
  request.set_ignore_value(false);
  request.set_ignore_lease(true);
  request.set_value("2");
  f.run(CommandKind::kPut, request);
  EXPECT_EQ(f.all().kvs(0).value(), "2");
  EXPECT_EQ(f.all().kvs(0).lease(), 9);
  request.set_key("none");
  EXPECT_EQ(f.run(CommandKind::kPut, request).status.text, "etcdserver: key not found");
}

TEST(Store, every_range_option_does_what_etcd_does) {
  Fixture f;
  for (const char* key : {"a", "b", "c", "d"}) f.put(key, std::string("v") + key);
  f.put("b", "zz");
  RangeRequest r;
  r.set_key("a");
  EXPECT_EQ(f.range(r).count(), 1);
  r.set_range_end("d");
  r.set_limit(2);
  auto limited = f.range(r);
  EXPECT_EQ(limited.kvs_size(), 2);
  EXPECT_TRUE(limited.more());
  EXPECT_EQ(limited.count(), 3);
  r.set_limit(0);
  r.set_keys_only(true);
  EXPECT_EQ(text(f.range(r)), "a=@2/2v1 b=@3/6v2 c=@4/4v1 ");
  r.set_keys_only(false);
  r.set_count_only(true);
  EXPECT_EQ(f.range(r).count(), 3);
  EXPECT_EQ(f.range(r).kvs_size(), 0);
  r.set_count_only(false);
  r.set_sort_target(RangeRequest::MOD);
  r.set_sort_order(RangeRequest::DESCEND);
  EXPECT_EQ(text(f.range(r)), "b=zz@3/6v2 c=vc@4/4v1 a=va@2/2v1 ");
  r.set_sort_target(RangeRequest::VALUE);
  r.set_sort_order(RangeRequest::ASCEND);
  EXPECT_EQ(text(f.range(r)), "a=va@2/2v1 c=vc@4/4v1 b=zz@3/6v2 ");
  r.set_sort_target(RangeRequest::KEY);
  r.set_sort_order(RangeRequest::DESCEND);
  r.set_limit(1);
  EXPECT_EQ(text(f.range(r)), "c=vc@4/4v1 ");
  EXPECT_TRUE(f.range(r).more());
  r.set_limit(0);
  r.set_sort_order(RangeRequest::NONE);
  r.set_min_mod_revision(4);
  r.set_max_mod_revision(5);
  EXPECT_EQ(text(f.range(r)), "c=vc@4/4v1 ");
  RangeRequest from_key;
  from_key.set_key("c");
  from_key.set_range_end(std::string(1, '\0'));
  EXPECT_EQ(f.range(from_key).count(), 2);
}

TEST(Store, a_transaction_takes_one_path_and_one_revision) {
  Fixture f;
  f.put("a", "1");
  TxnRequest txn;
  auto* compare = txn.add_compare();
  compare->set_key("a");
  compare->set_target(Compare::VALUE);
  compare->set_result(Compare::EQUAL);
  compare->set_value("1");
  auto* put = txn.add_success()->mutable_request_put();
  put->set_key("a");
  put->set_value("2");
  auto* range = txn.add_success()->mutable_request_range();
  range->set_key("a");
  auto* nested = txn.add_success()->mutable_request_txn();
  auto* inner = nested->add_compare();
  inner->set_key("none");
  inner->set_target(Compare::CREATE);
  inner->set_result(Compare::EQUAL);
  inner->set_create_revision(0);
  nested->add_success()->mutable_request_put()->set_key("b");
  txn.add_failure()->mutable_request_delete_range()->set_key("a");
  TxnResponse response;
  response.ParseFromString(f.run(CommandKind::kTxn, txn).body);
  EXPECT_TRUE(response.succeeded());
  EXPECT_EQ(response.responses(1).response_range().kvs(0).value(), "2");  // sees its own write
  EXPECT_TRUE(response.responses(2).response_txn().succeeded());
  EXPECT_TRUE(response.responses(2).response_txn().has_header());
  EXPECT_EQ(text(f.all()), "a=2@2/3v2 b=@3/3v1 ");
  response.ParseFromString(f.run(CommandKind::kTxn, txn).body);
  EXPECT_FALSE(response.succeeded());
  EXPECT_EQ(text(f.all()), "b=@3/3v1 ");
}

TEST(Store, a_transaction_that_must_fail_changes_nothing) {
  Fixture f;
  TxnRequest txn;
  txn.add_success()->mutable_request_put()->set_key("a");
  auto* put = txn.add_success()->mutable_request_put();
  put->set_key("b");
  put->set_lease(77);
  EXPECT_EQ(f.run(CommandKind::kTxn, txn).status.text, "etcdserver: requested lease not found");
  EXPECT_EQ(f.store->revision(), 1u);
  EXPECT_EQ(f.all().count(), 0);
}

TEST(Validate, refusals_carry_etcds_texts) {
  PutRequest put;
  EXPECT_EQ(validate(CommandKind::kPut, put.SerializeAsString()).text,
            "etcdserver: key is not provided");
  TxnRequest txn;
  txn.add_success()->mutable_request_put()->set_key("a");
  txn.add_success()->mutable_request_put()->set_key("a");
  EXPECT_EQ(validate(CommandKind::kTxn, txn.SerializeAsString()).text,
            "etcdserver: duplicate key given in txn request");
  txn.mutable_success(1)->mutable_request_delete_range()->set_key("a");
  EXPECT_EQ(validate(CommandKind::kTxn, txn.SerializeAsString()).text,
            "etcdserver: duplicate key given in txn request");
  TxnRequest many;
  for (int i = 0; i < 129; ++i) many.add_success()->mutable_request_range()->set_key("a");
  EXPECT_EQ(validate(CommandKind::kTxn, many.SerializeAsString()).text,
            "etcdserver: too many operations in txn request");
  EXPECT_EQ(validate(CommandKind::kPut, std::string(kRequestBytesMax + 1, 'x')).text,
            "etcdserver: request is too large");
  EXPECT_FALSE(validate(CommandKind::kPut, "\x0a\xff").ok());
  LeaseGrantRequest grant;
  grant.set_ttl(kLeaseTtlMax + 1);
  EXPECT_EQ(validate(CommandKind::kLeaseGrant, grant.SerializeAsString()).text,
            "etcdserver: too large lease TTL");
}

TEST(Store, compaction_forgets_the_past_and_keeps_the_present) {
  Fixture f;
  for (int i = 0; i < 5; ++i) f.put("a", std::to_string(i));  // 2..6
  f.put("b", "x");                                            // 7
  f.del("b");                                                 // 8
  f.put("c", "y");                                            // 9
  EXPECT_EQ(f.compact(99).status.text, "etcdserver: mvcc: required revision is a future revision");
  EXPECT_TRUE(f.compact(9).status.ok());
  EXPECT_EQ(f.compact(5).status.text, "etcdserver: mvcc: required revision has been compacted");
  EXPECT_EQ(f.store->readable(8).text, "etcdserver: mvcc: required revision has been compacted");
  EXPECT_TRUE(f.store->readable(9).ok());
  f.save();
  while (f.store->compact_some(2)) f.save();
  f.save();
  EXPECT_EQ(text(f.all(9)), "a=4@2/6v5 c=y@9/9v1 ");
  EXPECT_EQ(f.state->records.size(), 2u);
  f.restart();
  EXPECT_EQ(text(f.all()), "a=4@2/6v5 c=y@9/9v1 ");
}

TEST(Store, a_deletion_at_the_compacted_revision_stays_for_watchers) {
  Fixture f;
  f.put("a", "1");
  f.del("a");  // 3
  f.put("b", "1");
  f.compact(3);
  f.save();
  while (f.store->compact_some(100)) f.save();
  f.save();
  int tombstones = 0;
  f.store->scan_records(
      {3, 0}, [&](RecordKey, const RecordView& r) { return tombstones += r.tombstone, true; });
  EXPECT_EQ(tombstones, 1);
}

// Deleting everything and compacting at that revision is how people make space.
TEST(Store, compaction_at_a_change_frees_what_came_before_it) {
  Fixture f;
  f.put("a", "large");
  f.put("b", "1");
  f.put("b", "2");
  f.del("a");  // 5
  f.compact(5);
  f.save();
  while (f.store->compact_some(100)) f.save();
  f.save();
  // b=2 and the tombstone.
  EXPECT_EQ(f.state->records.size(), 2u);
  EXPECT_FALSE(f.store->compact_some(100));
  f.restart();
  EXPECT_EQ(text(f.all(5)), "b=2@3/4v2 ");
  f.put("b", "3");  // 6
  f.compact(6);
  f.save();
  while (f.store->compact_some(100)) f.save();
  f.save();
  EXPECT_EQ(f.state->records.size(), 1u);
  EXPECT_EQ(f.store->index().size(), 1u);
}

TEST(Store, all_changes_of_the_compacted_revision_stay_for_watchers_that_begin_there) {
  Fixture f;
  f.put("a", "1");
  TxnRequest txn;
  txn.add_success()->mutable_request_delete_range()->set_key("a");
  txn.add_success()->mutable_request_txn()->add_success()->mutable_request_put()->set_key("b");
  f.run(CommandKind::kTxn, txn);  // 3
  f.compact(3);
  f.save();
  while (f.store->compact_some(100)) f.save();
  f.save();
  int records = 0;
  f.store->scan_records({3, 0}, [&](RecordKey, const RecordView&) { return ++records, true; });
  EXPECT_EQ(records, 2);
  EXPECT_EQ(f.state->records.size(), 2u);
}

TEST(Store, a_reader_of_an_old_revision_holds_compaction_back) {
  Fixture f;
  for (int i = 0; i < 100; ++i) f.put("k" + std::to_string(1000 + i), "old");
  f.save();
  RangeQuery query{.range = {std::string(1, '\0'), std::string(1, '\0')}};
  RangeCursor cursor(*f.store, query);
  std::uint64_t work = 0;
  ASSERT_TRUE(cursor.plan(work));
  std::string body;
  ASSERT_TRUE(cursor.read(body, 10));
  for (int i = 0; i < 100; ++i) f.put("k" + std::to_string(1000 + i), "new");
  f.put("k0", "before all");
  f.compact(static_cast<std::int64_t>(f.store->revision()));
  f.save();
  while (f.store->compact_some(10)) f.save();
  while (cursor.read(body, 100)) {
  }
  EXPECT_EQ(body.size(), cursor.body_bytes());
  RangeResponse response;
  ASSERT_TRUE(response.ParseFromString(body));
  EXPECT_EQ(response.kvs_size(), 100);
  for (const auto& kv : response.kvs()) EXPECT_EQ(kv.value(), "old");
}

TEST(Store, revoking_a_lease_deletes_its_keys_in_one_revision) {
  Fixture f;
  LeaseGrantRequest grant;
  grant.set_id(5);
  grant.set_ttl(1);
  LeaseGrantResponse granted;
  granted.ParseFromString(f.run(CommandKind::kLeaseGrant, grant).body);
  EXPECT_EQ(granted.ttl(), kLeaseTtlMin);
  EXPECT_EQ(f.run(CommandKind::kLeaseGrant, grant).status.text, "etcdserver: lease already exists");
  f.put("a", "1", 5);
  f.put("b", "1", 5);
  f.put("c", "1");
  f.put("a", "2");  // detaches
  f.save();
  f.restart();
  EXPECT_EQ(f.store->leases().find(5)->keys, std::set<std::string>{"b"});
  std::uint64_t before = f.store->revision();
  LeaseRevokeRequest revoke;
  revoke.set_id(5);
  f.run(CommandKind::kLeaseRevoke, revoke);
  EXPECT_EQ(f.store->revision(), before + 1);
  EXPECT_EQ(f.all().count(), 2);
  EXPECT_EQ(f.run(CommandKind::kLeaseRevoke, revoke).status.text,
            "etcdserver: requested lease not found");
  EXPECT_EQ(f.put("x", "", 5).status.text, "etcdserver: requested lease not found");
}

TEST(Store, a_bundle_that_comes_twice_is_applied_once) {
  Fixture f;
  PutRequest request;
  request.set_key("a");
  auto entry = f.entry(CommandKind::kPut, request.SerializeAsString());
  f.store->apply(entry, f);
  entry.index = entry.index.next();
  f.store->apply(entry, f);
  EXPECT_EQ(f.store->revision(), 2u);
  EXPECT_EQ(f.duplicates, 1);
}

TEST(ReplayWindow, admits_each_bundle_once_and_remembers_through_encoding) {
  ReplayWindow window;
  EXPECT_TRUE(window.admit(1, 5));
  EXPECT_TRUE(window.admit(1, 3));
  EXPECT_FALSE(window.admit(1, 5));
  std::string bytes;
  window.encode(bytes);
  ReplayWindow read;
  ASSERT_TRUE(read.decode(bytes));
  EXPECT_FALSE(read.admit(1, 3));
  EXPECT_TRUE(read.admit(1, 4));
  EXPECT_TRUE(read.admit(1, 5 + ReplayWindow::kBundles));
  EXPECT_FALSE(read.admit(1, 5));  // too old to know
  EXPECT_TRUE(read.admit(2, 1));
  EXPECT_FALSE(read.admit(1, 2000));  // a process that is gone
}

// Against the most obvious implementation there is: a copy of the whole map for every revision.
// Meanwhile another store applies the same entries without ever restarting or compacting: both must
// agree on everything that can be read.
class Model {
 public:
  std::map<std::uint64_t, std::map<std::string, std::string>> states{{1, {}}};
  std::map<std::string, std::string>& next() {
    auto copy = states.rbegin()->second;
    auto revision = states.rbegin()->first + 1;
    return states[revision] = copy;
  }
};

TEST(StoreModel, agrees_with_copies_of_the_map_through_restarts_and_compactions) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Fixture f, twin;
    Model model;
    std::uint64_t compacted = 0;
    std::vector<consensus::Entry> log;
    auto run_both = [&](CommandKind kind, const google::protobuf::Message& request) {
      log.push_back(f.entry(kind, request.SerializeAsString()));
      f.store->apply(log.back(), f);
      twin.store->apply(log.back(), twin);
    };
    for (int step = 0; step < 200; ++step) {
      std::string key = "k" + std::to_string(random.below(12));
      switch (random.below(8)) {
        case 0:
        case 1:
        case 2: {
          PutRequest request;
          request.set_key(key);
          request.set_value("v" + std::to_string(step) + std::string(random.below(20), 'x'));
          run_both(CommandKind::kPut, request);
          model.next()[key] = request.value();
          break;
        }
        case 3: {
          DeleteRangeRequest request;
          request.set_key(key);
          request.set_range_end(random.chance(0.5) ? "" : "k5");
          run_both(CommandKind::kDeleteRange, request);
          auto& newest = model.states.rbegin()->second;
          KeyRange range{request.key(), request.range_end()};
          bool any = std::any_of(newest.begin(), newest.end(),
                                 [&](auto& e) { return range.contains(e.first); });
          if (any) std::erase_if(model.next(), [&](auto& e) { return range.contains(e.first); });
          break;
        }
        case 4:
          f.save();
          break;
        case 5:  // a crash: the engine has what it has, the log gives the rest
          f.restart();
          for (auto& entry : log) {
            if (entry.index > f.store->applied()) f.store->apply(entry, f);
          }
          break;
        case 6:
          if (random.chance(0.3)) {
            CompactionRequest request;
            request.set_revision(static_cast<std::int64_t>(random.between(1, f.store->revision())));
            log.push_back(f.entry(CommandKind::kCompact, request.SerializeAsString()));
            f.store->apply(log.back(), f);
            twin.store->apply(
                {log.back().term, log.back().index, consensus::EntryKind::kNoop, nullptr}, twin);
            compacted = std::max(compacted, static_cast<std::uint64_t>(request.revision()));
          }
          break;
        case 7:
          f.store->compact_some(random.between(1, 50));
          break;
      }
      ASSERT_EQ(f.store->revision(), model.states.rbegin()->first);
      std::uint64_t at = random.between(std::max<std::uint64_t>(compacted, 1), f.store->revision());
      std::map<std::string, std::string> read;
      auto response = f.all(static_cast<std::int64_t>(at));
      for (auto& kv : response.kvs()) read[kv.key()] = kv.value();
      ASSERT_EQ(read, model.states[at]) << "revision " << at;
      ASSERT_EQ(f.store->hash_at(at).value(), twin.store->hash_at(at).value());
      ASSERT_EQ(f.store->history_hash(), twin.store->history_hash());
    }
  }
}

// --- what is refused before it is proposed; the rules are etcd's

Status validated(const TxnRequest& txn) {
  return validate(CommandKind::kTxn, txn.SerializeAsString());
}

void add_put(TxnRequest& txn, const std::string& key, bool success = true) {
  auto* op = success ? txn.add_success() : txn.add_failure();
  op->mutable_request_put()->set_key(key);
}

// A put within `depth` transactions.
TxnRequest nested(int depth) {
  TxnRequest txn;
  add_put(txn, "a");
  for (int i = 0; i < depth; ++i) {
    TxnRequest outer;
    *outer.add_success()->mutable_request_txn() = std::move(txn);
    txn = std::move(outer);
  }
  return txn;
}

TEST(Validate, branches_that_exclude_each_other_may_put_the_same_key) {
  TxnRequest txn;
  auto* inner = txn.add_success()->mutable_request_txn();
  add_put(*inner, "a", true);
  add_put(*inner, "a", false);
  EXPECT_TRUE(validated(txn).ok());
  add_put(txn, "b");
  EXPECT_TRUE(validated(txn).ok());
  add_put(*inner, "b", false);
  EXPECT_EQ(validated(txn).text, "etcdserver: duplicate key given in txn request");
}

TEST(Validate, a_key_is_put_once_and_not_deleted_beside_it) {
  TxnRequest txn;
  add_put(txn, "b");
  auto* deletion = txn.add_success()->mutable_request_delete_range();
  deletion->set_key("a");
  EXPECT_TRUE(validated(txn).ok());
  deletion->set_range_end("b");
  EXPECT_TRUE(validated(txn).ok());
  deletion->set_range_end("c");
  EXPECT_FALSE(validated(txn).ok());
  deletion->set_range_end(std::string(1, '\0'));
  EXPECT_FALSE(validated(txn).ok());
  deletion->set_key("bb");
  EXPECT_TRUE(validated(txn).ok());
  auto* other =
      txn.add_success()->mutable_request_txn()->add_failure()->mutable_request_delete_range();
  other->set_key("az");
  other->set_range_end("bb");
  EXPECT_FALSE(validated(txn).ok());
}

TEST(Validate, nested_transactions_share_one_bound_of_operations_and_may_be_100_deep) {
  Fixture f;
  EXPECT_TRUE(validated(nested(100)).ok());
  EXPECT_TRUE(f.run(CommandKind::kTxn, nested(100)).status.ok());
  EXPECT_EQ(f.all().count(), 1);
  EXPECT_TRUE(validated(nested(127)).ok());
  TxnRequest txn = nested(27);
  for (int i = 0; i < 100; ++i) add_put(txn, "k" + std::to_string(i));
  EXPECT_TRUE(validated(txn).ok());
  add_put(txn, "one more");
  EXPECT_EQ(validated(txn).text, "etcdserver: too many operations in txn request");
}

TEST(Validate, what_nests_too_deep_is_told_apart_from_what_cannot_be_read) {
  for (int depth : {128, 200, 1000})
    EXPECT_EQ(validated(nested(depth)).text, "etcdserver: too many operations in txn request");
  std::string bytes = nested(100).SerializeAsString();
  bytes.pop_back();
  EXPECT_EQ(validate(CommandKind::kTxn, bytes).text, status::malformed().text);
  EXPECT_EQ(validate(CommandKind::kTxn, "\x12\xff").text, status::malformed().text);
}

TEST(Validate, an_operation_of_no_kind_is_refused_as_etcd_refuses_it) {
  TxnRequest txn;
  txn.add_success();
  EXPECT_EQ(validated(txn).text, "etcdserver: key not found");
}

// 30,000 operations in 128 along any way down: checking them must not take minutes.
TEST(Validate, all_operations_together_are_bounded) {
  TxnRequest txn;
  for (int i = 0; i < 40; ++i) {
    auto* middle = txn.add_success()->mutable_request_txn();
    for (int j = 0; j < 40; ++j) {
      auto* inner = middle->add_success()->mutable_request_txn();
      for (int k = 0; k < 20; ++k) add_put(*inner, std::to_string(i * 10'000 + j * 100 + k));
    }
  }
  EXPECT_EQ(validated(txn).text, "etcdserver: too many operations in txn request");
}

}  // namespace
}  // namespace polis::store
