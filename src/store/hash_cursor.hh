#pragma once

// Makes a checksum over everything that can be read at one revision. It is made in slices, so that
// no step takes long, however many keys there are.
//
// What is written meanwhile does not change the result, because a living cursor pins its revision
// (Store::pin). Replicas with equal state have equal checksums.
//
// Threads: the loop's. Must not outlive the store. After Store::exchange it must be destroyed.

#include <cstdint>
#include <string>

#include "store/store.hh"

namespace polis::store {

class HashCursor {
 public:
  // Precondition: revision > 0 and store.readable(revision).
  HashCursor(Store& store, std::uint64_t revision);
  ~HashCursor();
  HashCursor(const HashCursor&) = delete;
  HashCursor& operator=(const HashCursor&) = delete;

  // Goes on until `work` (units of store.hh) is used up, and subtracts the work that it did. True:
  // hash() is complete.
  bool run(std::uint64_t& work);
  std::uint32_t hash() const { return hash_; }

 private:
  bool add(const KeyInfo& info, std::uint64_t& work);

  Store& store_;
  std::uint64_t revision_;
  std::uint32_t hash_ = 0;
  // Where it goes on: at this key, or at the next one if there is no such key; and, if history_ is
  // set, at this record of the key's history.
  std::string next_key_;
  RecordKey history_;
  bool done_ = false;
};

}  // namespace polis::store
