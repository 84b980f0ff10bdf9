#pragma once

// The index: all keys in order, where the newest record of each key is, and sums over any range of
// keys. It is in memory and compact: a key of up to 15 bytes costs 64 bytes and the tree's slack.
// Values and history cost nothing here, since each record points to the record before it.
//
// It is a B+ tree. Its inner nodes hold, for each child, the sums over everything below that child.
// So the count of a range, the size of its answer and its n-th key cost O(log n), and a part of the
// tree without living keys is passed over in one step.
//
// A key is *alive* if its newest record is no tombstone.
//
// Threads: none of its own; the store owns it.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/check.hh"
#include "store/record.hh"

namespace polis::store {

struct KeyInfo {
  std::uint64_t create_revision = 0;  // that made the key; no meaning for a tombstone
  std::uint64_t mod_revision = 0;     // of the newest record
  std::uint32_t version = 0;          // puts since the key was made; stays at its maximum
  std::uint32_t key_value_bytes = 0;  // size of the newest record's KeyValue
  std::uint32_t sub = 0;              // place of the newest record within its revision
  bool tombstone = false;             // the newest record deletes the key
  bool leased = false;                // the key hangs on a lease; Leases says which
  // Size of the fields of the newest record's KeyValue other than key and value.
  std::uint8_t revision_bytes = 0;

  RecordKey newest() const { return {mod_revision, sub}; }
};
static_assert(sizeof(KeyInfo) <= 32, "a million keys: every 8 bytes here are 8 MB and more");

// Sums over keys. Only `entries` counts tombstones.
struct KeySums {
  std::uint64_t entries = 0;          // keys
  std::uint64_t alive = 0;            // keys that are alive
  std::uint64_t item_bytes = 0;       // their size as items of a RangeResponse
  std::uint64_t keys_only_bytes = 0;  // their size as items without values

  KeySums& operator+=(const KeySums& other);
  KeySums& operator-=(const KeySums& other);
  friend KeySums operator-(KeySums a, const KeySums& b) { return a -= b; }
  bool operator==(const KeySums&) const = default;
};

class Index {
 public:
  struct Entry {
    std::string key;
    KeyInfo info;
  };
  static KeySums sums_of(const Entry& entry);

 private:
  static constexpr std::size_t kLeafEntries = 31;  // a leaf fills a size class of the allocator
  static constexpr std::size_t kInnerChildren = 32;
  struct Inner;
  struct Node {
    Inner* parent = nullptr;
    std::uint16_t at = 0;  // among the parent's children
    std::uint16_t size = 0;
    bool leaf = true;
  };
  struct Leaf : Node {
    Leaf* next = nullptr;
    Leaf* previous = nullptr;
    std::array<Entry, kLeafEntries> entries;
  };
  static_assert(sizeof(Leaf) <= 2048);
  struct Inner : Node {
    std::array<Node*, kInnerChildren> children;
    std::array<KeySums, kInnerChildren> sums;
    // All keys below children[i] are >= first[i] and those before it smaller; first[0] is unused.
    std::array<std::string, kInnerChildren> first;
  };

 public:
  // An iterator is valid until the next try_emplace or erase.
  class const_iterator {
   public:
    const_iterator() = default;
    const Entry& operator*() const { return leaf_->entries[at_]; }
    const Entry* operator->() const { return &leaf_->entries[at_]; }
    const_iterator& operator++() {
      if (++at_ == leaf_->size) {
        leaf_ = leaf_->next;
        at_ = 0;
      }
      return *this;
    }
    bool operator==(const const_iterator&) const = default;

   private:
    friend class Index;
    const_iterator(const Leaf* leaf, std::size_t at) : leaf_(leaf), at_(at) {}
    const Leaf* leaf_ = nullptr;  // null: the end
    std::size_t at_ = 0;
  };

  Index() = default;
  Index(Index&& other) noexcept { swap(other); }
  Index& operator=(Index&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Index();
  void swap(Index& other) noexcept;

  std::size_t size() const { return total_.entries; }
  const_iterator begin() const { return {first_, 0}; }
  const_iterator end() const { return {}; }
  const_iterator lower_bound(std::string_view key) const;
  const_iterator find(std::string_view key) const;
  // The key before `i`; end() if `i` is the first.
  const_iterator before(const_iterator i) const;
  // The first key from `i` on that is alive; end() if there is none.
  const_iterator alive_from(const_iterator i) const;
  // The living key that has `rank` living keys before it; end() if there are not that many.
  const_iterator alive_at(std::uint64_t rank) const;

  // Finds the key, or adds it. A new key begins as a tombstone of revision 0.
  const_iterator try_emplace(std::string_view key);
  // Replaces what is known of the key.
  void update(const_iterator i, const KeyInfo& info);
  void erase(const_iterator i);

  const KeySums& total() const { return total_; }
  // The sums over all keys before `i`.
  KeySums sums_before(const_iterator i) const;

  // Checks every invariant of the tree (CHECK).
  void check_for_test() const;

 private:
  Leaf* leaf_for(std::string_view key) const;
  static std::size_t place_in(const Leaf& leaf, std::string_view key);
  void add(Node& node, const KeySums& sums);
  Leaf* split(Leaf& leaf, std::size_t at, std::string_view key);
  void insert_child(Node& left, std::string first, Node& right, KeySums sums);
  static void place_child(Inner& inner, std::size_t at, std::string first, Node& child,
                          const KeySums& sums);
  void remove_child(Node& child);
  void shrink(Node& node);
  static void absorb(Node& left, Node& right);
  static void destroy(Node* node);
  static KeySums check_node(const Node& node, std::string_view from, const std::string* to);

  Node* root_ = nullptr;
  Leaf* first_ = nullptr;
  Leaf* last_ = nullptr;
  KeySums total_;
};

// A range of keys as etcd writes it: from `key` up to `end`, which is not part of it. An empty end
// means one key; "\0" means all keys from `key` on.
struct KeyRange {
  std::string key;
  std::string end;

  bool single() const { return end.empty(); }
  bool to_the_end() const { return end.size() == 1 && end[0] == '\0'; }
  bool contains(std::string_view k) const {
    if (single()) return k == key;
    return k >= key && (to_the_end() || k < end);
  }
  Index::const_iterator begin_in(const Index& index) const { return index.lower_bound(key); }
  // The place behind the last key of the range. Never before begin_in(index), also if `end` is
  // smaller than `key`.
  Index::const_iterator end_in(const Index& index) const;
  KeySums sums_in(const Index& index) const {
    return index.sums_before(end_in(index)) - index.sums_before(begin_in(index));
  }
};

}  // namespace polis::store
