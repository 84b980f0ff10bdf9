#pragma once

// A checksum over everything that can be read at one revision, made in slices: however many keys
// there are, no slice takes long.
//
// The result is that of one moment, whatever is written meanwhile: a living cursor pins its
// revision. Replicas with equal state have equal checksums.
//
// Threads: the loop's. Must not outlive the store. After Store::exchange it must be destroyed.

#include <cstdint>
#include <string>

#include "store/store.hh"

namespace polis::store {

class HashCursor {
 public:
  // Precondition: store.readable(revision).
  HashCursor(Store& store, std::uint64_t revision);
  ~HashCursor();
  HashCursor(const HashCursor&) = delete;
  HashCursor& operator=(const HashCursor&) = delete;

  // Goes on, and takes what it did from `work`. True: it is done, and hash() is complete.
  bool run(std::uint64_t& work);
  std::uint32_t hash() const { return hash_; }

 private:
  bool add(const KeyInfo& info, std::uint64_t& work);

  Store& store_;
  std::uint64_t revision_;
  std::uint32_t hash_ = 0;
  // Where it goes on: at this key or the next one, and, if set, at this record of its history.
  std::string next_key_;
  RecordKey history_;
  bool done_ = false;
};

}  // namespace polis::store
