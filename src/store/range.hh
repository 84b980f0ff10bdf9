#pragma once

// Reading a range in pieces: however large the range and its answer, only a piece is in memory, and
// no piece takes long.
//
// The answer's exact length is known before its first byte, because gRPC sends the length first:
// the cursor is planned, then read. Most plans come from the index's sums at once. Old revisions,
// filters and sorts by anything but the key need a look at each key, in slices. The content is that
// of one moment, whatever is written meanwhile: a living cursor pins its revision.
//
// Threads: the loop's. Life: construct -> plan() until it is done -> read() until it is done. Must
// not outlive the store. After Store::exchange it must be destroyed.

#include <memory>
#include <vector>

#include "store/store.hh"

namespace polis::store {

class RangeCursor {
 public:
  // How the items are embedded in an answer.
  struct Form {
    int item_field = 2;  // of a RangeResponse
    bool end = true;     // `more` and `count` follow them
  };

  // The state at query.revision. Precondition: store.readable(query.revision).
  RangeCursor(Store& store, RangeQuery query);
  // The state as it was before the record `before` was written: within a transaction.
  RangeCursor(Store& store, RangeQuery query, RecordKey before, Form form);
  ~RangeCursor();
  RangeCursor(const RangeCursor&) = delete;
  RangeCursor& operator=(const RangeCursor&) = delete;

  // Goes on with the plan and takes what it did from `work`. True: it is done; see status().
  bool plan(std::uint64_t& work);
  bool planned() const { return planned_; }
  // Not OK: the answer does not fit in a bound, and cannot be read.
  const Status& status() const { return status_; }

  // Length of the whole answer: a RangeResponse without its header. Precondition: planned.
  std::uint64_t body_bytes() const { return body_bytes_; }
  // Appends at least one byte, and about `bytes` or a little more. False: the answer is complete,
  // nothing was appended.
  bool read(std::string& out, std::size_t bytes);

 private:
  enum class Way : std::uint8_t { kSums, kWalk, kSort };
  struct Item {
    std::int64_t number = 0;  // what is sorted by, unless it is a value
    std::string prefix;       // of the value
    RecordKey at;
    std::uint32_t bytes = 0;
    std::uint32_t place = 0;  // in key order
  };
  // What a plan has to know of a record.
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
  // A sort: a heap whose top is the last of those that the limit leaves, or the first of all.
  std::vector<Item> heap_;
  bool top_is_last_ = false;
  std::size_t held_ = 0;  // of what the store allows all sorts together
  std::vector<RecordKey> ordered_;
  mutable std::uint64_t compared_ = 0;  // records that comparing has read

  std::int64_t given_ = 0;
};

// The values that a deletion ended: DeleteRangeResponse.prev_kvs.
inline constexpr RangeCursor::Form kPreviousOfDeletion{.item_field = 3, .end = false};
// The value that a put replaced: PutResponse.prev_kv.
inline constexpr RangeCursor::Form kPreviousOfPut{.item_field = 2, .end = false};

}  // namespace polis::store
