#include "store/index.hh"

#include <gtest/gtest.h>

#include <map>

#include "base/random.hh"

namespace polis::store {
namespace {

KeyInfo info_of(std::uint64_t revision, std::uint32_t bytes, bool tombstone = false) {
  return {.create_revision = revision,
          .mod_revision = revision,
          .version = 1,
          .key_value_bytes = bytes,
          .tombstone = tombstone,
          .revision_bytes = 6};
}

std::string key_of(std::uint64_t i) { return "key" + std::to_string(100000 + i); }

TEST(Index, sums_of_a_range_are_those_of_its_keys) {
  Index index;
  for (std::uint64_t i = 0; i < 5000; ++i)
    index.update(index.try_emplace(key_of(i * 7919 % 5000)), info_of(i, 100));
  index.check_for_test();
  EXPECT_EQ(index.size(), 5000u);
  KeyRange range{key_of(1000), key_of(3500)};
  KeySums sums = range.sums_in(index);
  EXPECT_EQ(sums.alive, 2500u);
  EXPECT_EQ(sums.item_bytes, 2500u * 102);
  EXPECT_EQ(sums.keys_only_bytes, 2500u * (2 + 2 + 9 + 6));
  EXPECT_EQ(index.alive_at(1234)->key, key_of(1234));
  EXPECT_EQ((KeyRange{key_of(7), {}}).sums_in(index).alive, 1u);
  EXPECT_EQ((KeyRange{"none", {}}).sums_in(index).alive, 0u);
  EXPECT_EQ((KeyRange{key_of(9), key_of(3)}).sums_in(index).alive, 0u);
  EXPECT_EQ((KeyRange{key_of(4990), std::string(1, '\0')}).sums_in(index).alive, 10u);
}

TEST(Index, a_desert_of_tombstones_is_crossed_in_one_step) {
  Index index;
  for (std::uint64_t i = 0; i < 100'000; ++i)
    index.update(index.try_emplace(key_of(i)), info_of(i, 10, i != 0 && i != 99'999));
  auto i = index.begin();
  EXPECT_EQ(index.alive_from(i)->key, key_of(0));
  EXPECT_EQ(index.alive_from(++i)->key, key_of(99'999));
  index.update(index.find(key_of(99'999)), info_of(1, 10, true));
  EXPECT_EQ(index.alive_from(i), index.end());
}

TEST(Index, keys_that_come_in_order_fill_their_leaves) {
  Index index;
  for (std::uint64_t i = 0; i < 10'000; ++i) index.try_emplace(key_of(i));
  index.check_for_test();
  EXPECT_EQ(index.find(key_of(9'999))->key, key_of(9'999));
}

// Against a map, through growth, mixtures and emptying.
TEST(Index, agrees_with_a_map) {
  Random random(7);
  Index index;
  std::map<std::string, KeyInfo> model;
  for (int step = 0; step < 60'000; ++step) {
    const bool growing = step / 10'000 % 2 == 0;
    std::string key = key_of(random.below(3000));
    if (random.below(40) == 0) key += std::string(40, 'x');
    if (random.below(10) < (growing ? 7u : 2u)) {
      KeyInfo info = info_of(random.below(1000), static_cast<std::uint32_t>(random.below(5000)),
                             random.below(3) == 0);
      index.update(index.try_emplace(key), info);
      model[key] = info;
    } else if (auto found = index.lower_bound(key); found != index.end()) {
      model.erase(found->key);
      index.erase(found);
    }
    if (step % 500 != 0) continue;
    index.check_for_test();
    ASSERT_EQ(index.size(), model.size());
    auto i = index.begin();
    KeySums sums;
    for (const auto& [k, info] : model) {
      ASSERT_EQ(i->key, k);
      ASSERT_EQ(index.sums_before(i), sums);
      if (!info.tombstone) {
        ASSERT_EQ(index.alive_at(sums.alive), i);
      }
      ASSERT_EQ(index.alive_from(i), index.alive_at(sums.alive));
      sums += Index::sums_of({k, info});
      auto next = i;
      ASSERT_EQ(index.before(++next), i);
      i = next;
    }
    ASSERT_EQ(i, index.end());
    ASSERT_EQ(index.total(), sums);
  }
  while (index.size() > 0) index.erase(index.begin());
  index.check_for_test();
}

}  // namespace
}  // namespace polis::store
