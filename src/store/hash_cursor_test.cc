#include "store/hash_cursor.hh"

#include <gtest/gtest.h>

#include "api/etcd/rpc.pb.h"
#include "store/testing/memory_store.hh"

namespace polis::store {
namespace {

class HashCursorTest : public ::testing::Test, protected testing::MemoryStore, ApplySink {
 protected:
  HashCursorTest() { EXPECT_TRUE(open().has_value()); }
  void put(int key, const std::string& value) {
    etcdserverpb::PutRequest request;
    request.set_key(std::to_string(key));
    request.set_value(value);
    store->apply(entry(CommandKind::kPut, request.SerializeAsString()), *this);
  }
  void erase(int key) {
    etcdserverpb::DeleteRangeRequest request;
    request.set_key(std::to_string(key));
    store->apply(entry(CommandKind::kDeleteRange, request.SerializeAsString()), *this);
  }
  void compact(std::uint64_t revision) {
    etcdserverpb::CompactionRequest request;
    request.set_revision(static_cast<std::int64_t>(revision));
    store->apply(entry(CommandKind::kCompact, request.SerializeAsString()), *this);
    save();
    while (store->compact_some(10)) save();
    save();
  }
  std::uint32_t whole(std::uint64_t revision) { return store->hash_at(revision).value(); }

  bool wants_replies(const Origin&) override { return false; }
  void on_reply(const Origin&, std::size_t, Reply) override {}
  void on_duplicate(const Origin&) override {}
  void on_lease(std::int64_t, std::int64_t, bool) override {}
};

TEST_F(HashCursorTest, no_slice_does_more_than_it_may_but_for_one_record) {
  for (int key = 0; key < 100; ++key) put(key, "v");
  HashCursor cursor(*store, store->revision());
  int slices = 1;
  for (std::uint64_t work = kRecordWork; !cursor.run(work); work = kRecordWork) ++slices;
  EXPECT_GE(slices, 50);
  EXPECT_EQ(cursor.hash(), whole(store->revision()));
}

// What comes later is not part of it, however far the history of a key has to be gone back.
TEST_F(HashCursorTest, its_content_is_that_of_one_moment) {
  for (int key = 0; key < 20; ++key) put(key, "old");
  erase(3);
  const std::uint64_t then = store->revision();
  const std::uint32_t expected = whole(then);
  HashCursor cursor(*store, then);
  int next = 0;
  for (std::uint64_t work = 1; !cursor.run(work); work = 1) {
    for (int i = 0; i < 3; ++i) put(19 - next % 20, "new");
    if (next < 10) put(1000 + next, "another");
    if (++next == 30) erase(7);
    if (next % 40 == 0) compact(store->revision());
    ASSERT_LT(next, 2000);
  }
  EXPECT_EQ(cursor.hash(), expected);
  EXPECT_EQ(whole(then), expected);
  EXPECT_NE(whole(store->revision()), expected);
}

TEST_F(HashCursorTest, equal_states_have_equal_sums_whatever_their_history) {
  put(1, "a");
  put(2, "b");
  const std::uint32_t before = whole(store->revision());
  const std::uint64_t then = store->revision();
  put(3, "c");
  erase(3);
  compact(store->revision());
  EXPECT_EQ(whole(store->revision()), before);
  EXPECT_FALSE(store->readable(then).ok());
}

}  // namespace
}  // namespace polis::store
