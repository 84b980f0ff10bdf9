#pragma once

// Reads a range of keys in pieces, so that only one piece of the answer is in memory and no piece
// takes long, however large the range is.
//
// gRPC sends the length of an answer before its bytes. So the cursor is first planned, which finds
// the exact length, and then read. Most plans follow at once from the sums of the index. Old
// revisions, filters, and sorts by anything but the key need a look at each key, in slices. What is
// written meanwhile does not change the answer, because a living cursor pins its revision
// (Store::pin).
//
// Threads: the loop's.
// Life: construct -> plan() until it gives true -> read() until it gives false. Must not outlive
// the store. After Store::exchange it must be destroyed.

#include <memory>
#include <vector>

#include "store/store.hh"

namespace polis::store {

class RangeCursor {
 public:
  // The form of the answer. By default it is a RangeResponse without its header.
  struct Form {
    int item_field = 2;  // the field in which each KeyValue stands
    bool end = true;     // the fields `more` and `count` follow the items
  };

  // Reads the state at query.revision. Precondition: store.readable(query.revision).
  RangeCursor(Store& store, RangeQuery query);
  // Reads the state as it was before the record `before` was written; for transactions.
  RangeCursor(Store& store, RangeQuery query, RecordKey before, Form form);
  ~RangeCursor();
  RangeCursor(const RangeCursor&) = delete;
  RangeCursor& operator=(const RangeCursor&) = delete;

  // Goes on with the plan until `work` (units of store.hh) is used up, and subtracts the work that
  // it did. True: the plan is complete; look at status().
  bool plan(std::uint64_t& work);
  bool planned() const { return planned_; }
  // Not OK: the answer exceeds a bound and cannot be read.
  const Status& status() const { return status_; }

  // The length of the whole answer. Precondition: planned().
  std::uint64_t body_bytes() const { return body_bytes_; }
  // Appends the next bytes of the answer: at least one, and about `bytes` or a little more. False:
  // all were given, and nothing was appended.
  bool read(std::string& out, std::size_t bytes);

 private:
  enum class Way : std::uint8_t { kSums, kWalk, kSort };
  struct Item {
    std::int64_t number = 0;  // the number to sort by; not used if values are sorted
    std::string prefix;       // of the value, if values are sorted
    RecordKey at;
    std::uint32_t bytes = 0;
    std::uint32_t place = 0;  // in key order
  };
  // What a plan must know of a record.
  struct Facts {
    std::int64_t create = 0, mod = 0, version = 0;
    std::uint32_t bytes = 0;  // of the item
    std::string value_prefix;
  };

  bool wants_values() const { return query_.target == RangeQuery::Target::kValue; }
  void plan_by_sums();
  bool walk(std::uint64_t& work);
  bool find(const Index::Entry& entry, std::optional<RecordKey>& at, std::uint64_t& work);
  Facts facts_of(const Index::Entry& entry, RecordKey at, std::uint64_t& work) const;
  bool passes(const Facts& facts) const;
  bool take(const Index::Entry& entry, RecordKey at, std::uint64_t& work);
  bool take_sorted(const Facts& facts, RecordKey at);
  bool order(std::uint64_t& work);
  void end_plan();
  Index::const_iterator first() const;
  Index::const_iterator here() const;
  Index::const_iterator behind_last() const;
  void advance(Index::const_iterator& i) const;
  bool comes_before(const Item& a, const Item& b) const;
  int order_of_values(RecordKey a, RecordKey b) const;
  void append_item(std::string& out, RecordKey at);
  void append_end(std::string& out) const;
  void read_in_key_order(std::string& out, std::size_t until);

  Store& store_;
  RangeQuery query_;
  RecordKey before_;
  Form form_;
  Way way_;
  Status status_;
  bool planned_ = false;
  std::uint64_t body_bytes_ = 0;
  bool count_known_ = false;
  std::int64_t count_ = 0;  // of all keys in the range
  std::int64_t items_ = 0;  // that the answer holds
  bool more_ = false;
  bool ended_ = false;

  // The walk: where it goes on, and how far it has gone back in the history of that key.
  std::string next_key_;
  bool walked_ = false;
  RecordKey history_;
  std::vector<RecordKey> kept_;  // the first items
  // A sort: a heap. Its top is the last of the items within the limit (top_is_last_), or the first
  // of all items.
  std::vector<Item> heap_;
  bool top_is_last_ = false;
  std::size_t held_ = 0;  // items held; the store bounds the sum over all sorts
  std::vector<RecordKey> ordered_;
  mutable std::uint64_t compared_ = 0;  // records that comparing has read

  std::int64_t given_ = 0;
};

// The values that a deletion ended: DeleteRangeResponse.prev_kvs.
inline constexpr RangeCursor::Form kPreviousOfDeletion{.item_field = 3, .end = false};
// The value that a put replaced: PutResponse.prev_kv.
inline constexpr RangeCursor::Form kPreviousOfPut{.item_field = 2, .end = false};

}  // namespace polis::store
