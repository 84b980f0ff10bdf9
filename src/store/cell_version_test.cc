// What changes with the version of the cell, and what a disk that alters bytes comes to.

#include <gtest/gtest.h>

#include "api/etcd/rpc.pb.h"
#include "base/crc32c.hh"
#include "store/record.hh"
#include "store/testing/memory_store.hh"

namespace polis::store {
namespace {

class CellVersionTest : public ::testing::Test, protected testing::MemoryStore, ApplySink {
 protected:
  CellVersionTest() { EXPECT_TRUE(open().has_value()); }

  void apply(CommandKind kind, const std::string& bytes) {
    store->apply(entry(kind, bytes), *this);
  }
  void put(const std::string& key, const std::string& value) {
    etcdserverpb::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    apply(CommandKind::kPut, request.SerializeAsString());
  }
  void raise(CellVersion version) {
    std::string bytes;
    Writer(bytes).varint(version);
    apply(CommandKind::kCellVersion, bytes);
  }
  void grant(std::int64_t id) {
    etcdserverpb::LeaseGrantRequest request;
    request.set_id(id);
    request.set_ttl(60);
    apply(CommandKind::kLeaseGrant, request.SerializeAsString());
  }
  std::string value_of(const std::string& key) {
    std::string value;
    auto found = store->index().find(key);
    if (found != store->index().end())
      store->read_record(found->info.newest(), [&](const RecordView& r) { value = r.value; });
    return value;
  }

  void name_mastership(Mastership mastership) {
    std::string bytes;
    Writer out(bytes);
    encode(out, mastership);
    apply(CommandKind::kMastership, bytes);
  }
  // Whether the end of the lease has effect, as decided by that mastership.
  bool end_lease(std::int64_t id, Mastership by) {
    etcdserverpb::LeaseRevokeRequest request;
    request.set_id(id);
    const std::string bytes = request.SerializeAsString();
    apply(CommandKind::kDecision, encode({by, {CommandKind::kLeaseRevoke, bytes}}));
    EXPECT_EQ(last.status.ok(), !store->leases().contains(id));
    return last.status.ok();
  }

  bool wants_replies(const Origin&) override { return true; }
  void on_reply(const Origin&, std::size_t, Reply reply) override { last = std::move(reply); }
  void on_duplicate(const Origin&) override {}
  void on_lease(std::int64_t, std::int64_t, bool) override {}
  Reply last;
};

// Before the version is raised, an older release can go on with what the engine holds.
TEST_F(CellVersionTest, the_first_version_writes_what_it_always_wrote) {
  put("a", "b");
  save();
  EXPECT_EQ(*state->records.begin()->second, std::string("\0\0\0\x0a\x01"
                                                         "a\x10\x02\x18\x02\x20\x01\x2a\x01"
                                                         "b",
                                                         15));
  EXPECT_FALSE(state->named.contains(std::string(kCellVersionName)));
}

TEST_F(CellVersionTest, the_version_is_state_and_never_goes_back) {
  EXPECT_EQ(store->cell_version(), kCellVersionFirst);
  raise(2);
  raise(1);
  EXPECT_EQ(store->cell_version(), 2u);
  save();
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(store->cell_version(), 2u);
}

TEST_F(CellVersionTest, records_of_both_versions_are_read) {
  grant(7);
  put("old", "1");
  save();
  raise(2);
  put("new", "2");
  save();
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(value_of("old"), "1");
  EXPECT_EQ(value_of("new"), "2");
  EXPECT_TRUE(store->leases().contains(7));
}

TEST_F(CellVersionTest, what_a_deposed_master_decided_has_no_effect) {
  const Mastership first{consensus::Term(5), ReplicaId(2)},
      second{consensus::Term(6), ReplicaId(1)};
  raise(kCellVersionMasterships);
  grant(7);
  grant(8);
  EXPECT_FALSE(end_lease(7, first));  // the log is nobody's yet
  name_mastership(first);
  EXPECT_TRUE(end_lease(7, first));
  name_mastership(second);
  EXPECT_FALSE(end_lease(8, first));
  EXPECT_TRUE(end_lease(8, second));
}

TEST_F(CellVersionTest, what_is_decided_besides_leases_is_bound_too) {
  const Mastership first{consensus::Term(5), ReplicaId(2)},
      second{consensus::Term(6), ReplicaId(1)};
  raise(kCellVersionMasterships);
  name_mastership(first);
  name_mastership(second);
  for (int i = 0; i < 5; ++i) put("k", std::to_string(i));
  etcdserverpb::CompactionRequest compaction;
  compaction.set_revision(3);
  const std::string compact = compaction.SerializeAsString();
  std::string version;
  Writer(version).varint(kCellVersionMasterships + 1);
  auto decide = [&](Mastership by) {
    apply(CommandKind::kDecision, encode({by, {CommandKind::kCompact, compact}}));
    apply(CommandKind::kDecision, encode({by, {CommandKind::kCellVersion, version}}));
  };
  decide(first);
  EXPECT_EQ(store->compacted(), 0u);
  EXPECT_EQ(store->cell_version(), kCellVersionMasterships);
  decide(second);
  EXPECT_EQ(store->compacted(), 3u);
  EXPECT_EQ(store->cell_version(), kCellVersionMasterships + 1);
}

TEST_F(CellVersionTest, masters_of_one_round_are_told_apart) {
  const Mastership first{consensus::Term(5), ReplicaId(1)},
      second{consensus::Term(5), ReplicaId(2)};
  raise(kCellVersionMasterships);
  grant(7);
  name_mastership(second);
  EXPECT_FALSE(end_lease(7, first));
}

TEST_F(CellVersionTest, the_mastership_is_state) {
  const Mastership mastership{consensus::Term(5), ReplicaId(2)};
  raise(kCellVersionMasterships);
  grant(7);
  name_mastership(mastership);
  save();
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(store->mastership(), mastership);
  EXPECT_TRUE(end_lease(7, mastership));
}

// So that it can say that the cell is at a version that it does not know, and not that the state is
// damaged.
TEST_F(CellVersionTest, the_named_mastership_is_no_damage_to_the_release_before) {
  raise(kCellVersionMasterships);
  name_mastership({consensus::Term(5), ReplicaId(2)});
  name_mastership({consensus::Term(6), ReplicaId(1)});
  save();
  std::size_t named = 0;
  for (const auto& [name, value] : state->named) {
    if (!name.starts_with(kMastershipPrefix)) continue;
    ++named;
    EXPECT_EQ(value.size(), 4u) << "more than a checksum";
  }
  EXPECT_EQ(named, 1u);
}

TEST_F(CellVersionTest, a_release_that_knows_less_than_the_state_can_say_so) {
  raise(kCellVersionNewest + 1);
  save();
  const std::string name = "new/7", value = "not known here";
  std::string with_checksum = value;
  Writer(with_checksum).u32(crc32c(value, crc32c(name)));
  state->named[name] = with_checksum;
  EXPECT_TRUE(open().has_value());
  EXPECT_EQ(store->cell_version(), kCellVersionNewest + 1);
}

// A restored state begins a history in which terms are counted anew: what it holds of another one
// must be nobody's.
TEST_F(CellVersionTest, a_mastership_can_be_forgotten) {
  raise(kCellVersionMasterships);
  name_mastership({consensus::Term(5), ReplicaId(2)});
  save();
  store->forget_mastership();
  save();
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(store->mastership(), Mastership());
  name_mastership({consensus::Term(1), ReplicaId(3)});
  save();
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(store->mastership(), (Mastership{consensus::Term(1), ReplicaId(3)}));
}

TEST_F(CellVersionTest, a_decision_that_cannot_be_read_has_no_effect) {
  const Mastership mastership{consensus::Term(5), ReplicaId(2)};
  raise(kCellVersionMasterships);
  name_mastership(mastership);
  const std::string put = encode({mastership, {CommandKind::kPut, "\x0a\x01k"}});
  for (std::size_t length = 0; length < 3; ++length)
    EXPECT_FALSE(decode_decision(put.substr(0, length)).has_value()) << length;
  EXPECT_TRUE(decode_decision(put).has_value());
  // A decision holds no decision: nothing nests without bound.
  EXPECT_FALSE(decode_decision(encode({mastership, {CommandKind::kDecision, put}})).has_value());
  apply(CommandKind::kDecision, encode({mastership, {CommandKind::kMastership, "\x09\x02"}}));
  EXPECT_FALSE(last.status.ok());
  EXPECT_EQ(store->mastership(), mastership);
}

TEST_F(CellVersionTest, every_flipped_bit_of_the_state_is_noticed) {
  grant(7);
  raise(2);
  put("a", "some value");
  put("b", "another one");
  save();
  ASSERT_TRUE(open().has_value());
  auto expect_refused = [&](const std::string& what) {
    auto opened = open();
    ASSERT_FALSE(opened.has_value()) << what;
    EXPECT_NE(opened.error().text.find("damaged"), std::string::npos) << opened.error().text;
    EXPECT_NE(opened.error().text.find("polis cell repair"), std::string::npos);
  };
  for (auto& [key, bytes] : state->records) {
    const SharedBytes right = bytes;
    for (std::size_t bit = 0; bit < right->size() * 8; ++bit) {
      std::string wrong = *right;
      wrong[bit / 8] = static_cast<char>(wrong[bit / 8] ^ (1 << bit % 8));
      bytes = share(wrong);
      expect_refused("record, bit " + std::to_string(bit));
    }
    bytes = right;
  }
  for (auto& [name, value] : state->named) {
    const std::string right = value;
    for (std::size_t bit = 0; bit < right.size() * 8; bit += 5) {
      value[bit / 8] = static_cast<char>(value[bit / 8] ^ (1 << bit % 8));
      expect_refused(name + ", bit " + std::to_string(bit));
      value = right;
    }
  }
  EXPECT_TRUE(open().has_value());
}

TEST_F(CellVersionTest, a_record_in_the_place_of_another_is_noticed) {
  raise(2);
  put("a", "1");
  put("a", "2");
  save();
  auto first = state->records.begin(), second = std::next(first);
  std::swap(first->second, second->second);
  auto opened = open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().text.find("revision 2.0"), std::string::npos) << opened.error().text;
}

TEST_F(CellVersionTest, damage_met_while_running_stops_the_process_and_says_so) {
  raise(2);
  put("a", "some value");
  save();
  std::string wrong = *state->records.begin()->second;
  wrong.back() = static_cast<char>(wrong.back() ^ 1);
  state->records.begin()->second = share(wrong);
  EXPECT_DEATH(value_of("a"), "record of revision 2.0 .* is damaged; .*polis cell repair");
}

}  // namespace
}  // namespace polis::store
