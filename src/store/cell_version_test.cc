// What changes with the version of the cell, and what a disk that alters bytes comes to.

#include <gtest/gtest.h>

#include "api/etcd/rpc.pb.h"
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
      store->read_record(found->second.newest(), [&](const RecordView& r) { value = r.value; });
    return value;
  }

  bool wants_replies(const Origin&) override { return false; }
  void on_reply(const Origin&, std::size_t, Reply) override {}
  void on_duplicate(const Origin&) override {}
  void on_lease(std::int64_t, std::int64_t, bool) override {}
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
