#pragma once

// Every key and where its newest record is. In memory, and compact: a key of up to 15 bytes costs
// 64 bytes and the tree's slack; values and history cost nothing, since each record points to the
// one before it.
//
// Threads: none of its own.

#include <absl/container/btree_map.h>

#include <string>

#include "base/check.hh"
#include "store/record.hh"

namespace polis::store {

struct KeyInfo {
  std::uint64_t create_revision = 0;  // of the current life; meaningless for a tombstone
  std::uint64_t mod_revision = 0;     // of the newest record
  std::uint32_t version = 0;          // puts in the current life, saturating
  std::uint32_t key_value_bytes = 0;  // size of the newest record's KeyValue
  std::uint32_t sub = 0;              // place of the newest record within its revision
  bool tombstone = false;
  bool leased = false;  // the lease table knows which one

  RecordKey newest() const { return {mod_revision, sub}; }
};
static_assert(sizeof(KeyInfo) <= 32, "a million keys: every 8 bytes here are 8 MB and more");

using Index = absl::btree_map<std::string, KeyInfo, std::less<>>;

// A half-open range of keys in etcd's terms: an empty end means one key, "\0" everything from `key`
// on.
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
  bool ends_at(std::string_view k) const { return !contains(k); }
};

}  // namespace polis::store
