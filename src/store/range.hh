#pragma once

// Reading a range in pieces: however large the answer, only a piece of it is in memory.
//
// The answer's exact length is known before its first byte, because gRPC sends the length first;
// the content is that of one revision, whatever is written meanwhile. While a cursor lives, it pins
// its revision.
//
// Threads: the loop's. Life: must not outlive the store. After Store::exchange it must be
// destroyed.

#include <memory>
#include <vector>

#include "store/store.hh"

namespace polis::store {

class RangeCursor {
 public:
  // Precondition: store.readable(query.revision).
  RangeCursor(Store& store, RangeQuery query);
  ~RangeCursor();
  RangeCursor(const RangeCursor&) = delete;
  RangeCursor& operator=(const RangeCursor&) = delete;

  // Length of the whole answer: a RangeResponse without its header.
  std::uint64_t body_bytes() const { return body_bytes_; }
  // Appends at least one byte, and about `bytes` or a little more. False: the answer is complete,
  // nothing was appended.
  bool read(std::string& out, std::size_t bytes);

 private:
  void plan();
  void plan_scan();
  void plan_sorted();
  void append_item(std::string& out, RecordKey at);
  std::uint64_t item_bytes(RecordKey at, const KeyInfo& info);
  void append_end(std::string& out) const;

  Store& store_;
  RangeQuery query_;
  std::uint64_t revision_;
  std::uint64_t body_bytes_ = 0;
  std::int64_t count_ = 0;  // of all keys in the range
  std::int64_t items_ = 0;  // that the answer holds
  bool more_ = false;
  bool ended_ = false;

  // In key order: where to go on. Else the records in their order, named only.
  std::string next_key_;
  std::int64_t given_ = 0;
  std::vector<RecordKey> sorted_;
};

// Within a transaction: the state as it is now, which is `revision`.
Reply range_in_txn(Store& store, const etcdserverpb::RangeRequest& request, std::uint64_t revision);

}  // namespace polis::store
