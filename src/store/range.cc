#include "store/range.hh"

#include <fmt/format.h>

#include <algorithm>

#include "api/etcd/rpc.pb.h"
#include "base/check.hh"

namespace polis::store {
namespace {

// RangeResponse fields.
constexpr int kKvs = 2, kMore = 3, kCount = 4;
// Items that a plan remembers, so that reading does not search for them again.
constexpr std::size_t kKeptItems = 4096;
// A sort with a smaller limit holds no more items than that.
constexpr std::int64_t kSmallLimit = 1000;
// Of a value, held by a sort: what a string holds without a block of its own.
constexpr std::size_t kValuePrefix = 15;

void spend(std::uint64_t& work, std::uint64_t amount) { work -= std::min(work, amount); }

}  // namespace

Status Store::readable(std::uint64_t revision) const {
  if (revision > revision_) return status::future_revision();
  if (revision != 0 && revision < compacted_) return status::compacted();
  return {};
}

Reply Store::range(const RangeQuery& query) const {
  Reply reply{readable(query.revision), {}, revision_, nullptr};
  if (!reply.status.ok()) return reply;
  // A cursor only pins, which changes nothing that can be seen.
  RangeCursor cursor(const_cast<Store&>(*this), query);
  std::uint64_t work = UINT64_MAX;
  CHECK(cursor.plan(work));
  reply.status = cursor.status();
  while (reply.status.ok() && cursor.read(reply.body, SIZE_MAX)) {
  }
  return reply;
}

bool Store::range_of_one(const RangeQuery& query, std::string& body) const {
  if (!query.range.single() || query.revision != 0 || query.keys_only || query.count_only ||
      query.filters())
    return false;
  auto found = index_.find(query.range.key);
  if (found == index_.end() || found->info.tombstone) return true;
  bool read = read_bytes(found->info.newest(), [&](std::string_view bytes) {
    append_tag_bytes(body, kKvs, key_value_of_record(bytes));
  });
  CHECK(read);
  append_tag_varint(body, kCount, 1);
  return true;
}

RangeCursor::RangeCursor(Store& store, RangeQuery query)
    : RangeCursor(store, query,
                  query.revision != 0 ? RecordKey{query.revision + 1, 0} : store.next(), Form()) {}

RangeCursor::RangeCursor(Store& store, RangeQuery query, RecordKey before, Form form)
    : store_(store), query_(std::move(query)), before_(before), form_(form) {
  store_.pin(before_.revision - 1);
  const bool newest = before_ >= store_.next();
  const bool key_order = query_.target == RangeQuery::Target::kKey;
  if (newest) {
    count_ = static_cast<std::int64_t>(query_.range.sums_in(store_.index()).alive);
    count_known_ = true;
  }
  if (newest && (query_.count_only || (key_order && !query_.filters()))) {
    way_ = Way::kSums;
    plan_by_sums();
  } else {
    way_ = query_.count_only || key_order ? Way::kWalk : Way::kSort;
    top_is_last_ = query_.limit != 0 && query_.limit <= kSmallLimit;
  }
}

RangeCursor::~RangeCursor() {
  store_.unpin(before_.revision - 1);
  store_.release_sorted_items(held_);
}

// --- planning
// ------------------------------------------------------------------------------------------------------

void RangeCursor::plan_by_sums() {
  const Index& index = store_.index();
  if (!query_.count_only) {
    items_ = query_.limit != 0 ? std::min(query_.limit, count_) : count_;
    const bool backwards = query_.descending;
    KeySums from = index.sums_before(query_.range.begin_in(index));
    KeySums to = index.sums_before(query_.range.end_in(index));
    const auto items = static_cast<std::uint64_t>(items_);
    if (items_ < count_ && backwards) from = index.sums_before(index.alive_at(to.alive - items));
    if (items_ < count_ && !backwards) to = index.sums_before(index.alive_at(from.alive + items));
    KeySums taken = to - from;
    body_bytes_ = query_.keys_only ? taken.keys_only_bytes : taken.item_bytes;
    more_ = items_ < count_;
  }
  end_plan();
}

bool RangeCursor::plan(std::uint64_t& work) {
  if (planned_) return true;
  if (!walked_ && !walk(work)) return false;
  walked_ = true;
  if (status_.ok() && way_ == Way::kSort && !order(work)) return false;
  end_plan();
  return true;
}

void RangeCursor::end_plan() {
  planned_ = true;
  std::string end;
  if (form_.end) append_end(end);
  body_bytes_ += end.size();
  next_key_.clear();
}

// Sorts are filled in key order, so that equal ones stay in it.
Index::const_iterator RangeCursor::first() const {
  const Index& index = store_.index();
  if (way_ == Way::kSort || !query_.descending) return query_.range.begin_in(index);
  return index.before(query_.range.end_in(index));
}

Index::const_iterator RangeCursor::here() const {
  const Index& index = store_.index();
  if (next_key_.empty()) return first();
  auto i = index.lower_bound(next_key_);
  if (way_ == Way::kSort || !query_.descending) return i;
  return i != index.end() && i->key == next_key_ ? i : index.before(i);
}

// Where the walk ends. Keys are not compared with the range: that would cost most.
Index::const_iterator RangeCursor::behind_last() const {
  const Index& index = store_.index();
  if (way_ == Way::kSort || !query_.descending) return query_.range.end_in(index);
  return index.before(query_.range.begin_in(index));
}

void RangeCursor::advance(Index::const_iterator& i) const {
  if (way_ == Way::kSort || !query_.descending) {
    ++i;
  } else {
    i = store_.index().before(i);
  }
}

// True: every key that matters has been looked at.
bool RangeCursor::walk(std::uint64_t& work) {
  const auto end = behind_last();
  for (auto i = here(); i != end; advance(i)) {
    std::optional<RecordKey> at;
    if (work == 0 || !find(*i, at, work)) {
      next_key_ = i->key;
      return false;
    }
    spend(work, kKeyWork);
    const bool more = !at || take(*i, *at, work);
    spend(work, std::exchange(compared_, 0) * kRecordWork);
    if (!more) return true;
  }
  return true;
}

// The record that is seen; nothing if the key is not. False: the work ran out on the way.
bool RangeCursor::find(const Index::Entry& entry, std::optional<RecordKey>& at,
                       std::uint64_t& work) {
  RecordKey record = std::exchange(history_, {});
  if (record.revision == 0) record = entry.info.newest();
  if (record < before_ && record == entry.info.newest()) {
    if (!entry.info.tombstone) at = record;
    return true;
  }
  while (record >= before_) {
    if (work == 0) {
      history_ = record;
      return false;
    }
    spend(work, kRecordWork);
    if (!store_.previous_of(record) || record.revision == 0) return true;
  }
  spend(work, kRecordWork);
  store_.read_record(record, [&](const RecordView& view) {
    if (!view.tombstone) at = record;
  });
  return true;
}

RangeCursor::Facts RangeCursor::facts_of(const Index::Entry& entry, RecordKey at,
                                         std::uint64_t& work) const {
  const KeyInfo& info = entry.info;
  if (at == info.newest() && (way_ != Way::kSort || !wants_values())) {
    const KeySums sums = Index::sums_of(entry);
    return {static_cast<std::int64_t>(info.create_revision),
            static_cast<std::int64_t>(info.mod_revision),
            info.version,
            static_cast<std::uint32_t>(query_.keys_only ? sums.keys_only_bytes : sums.item_bytes),
            {}};
  }
  Facts facts;
  spend(work, kRecordWork);
  bool found = store_.read_record(at, [&](const RecordView& record) {
    const std::uint64_t bytes = query_.keys_only
                                    ? field_bytes(record.key.size()) + revision_bytes_of(record)
                                    : record.key_value.size();
    facts = {record.create_revision, record.mod_revision, record.version,
             static_cast<std::uint32_t>(field_bytes(bytes)),
             wants_values() ? std::string(record.value.substr(0, kValuePrefix)) : std::string()};
  });
  CHECK(found);  // pinned
  return facts;
}

bool RangeCursor::passes(const Facts& facts) const {
  return (query_.min_mod == 0 || facts.mod >= query_.min_mod) &&
         (query_.max_mod == 0 || facts.mod <= query_.max_mod) &&
         (query_.min_create == 0 || facts.create >= query_.min_create) &&
         (query_.max_create == 0 || facts.create <= query_.max_create);
}

// False: nothing that follows matters.
bool RangeCursor::take(const Index::Entry& entry, RecordKey at, std::uint64_t& work) {
  if (!count_known_) ++count_;
  if (query_.count_only) return true;
  const Facts facts = facts_of(entry, at, work);
  if (!passes(facts)) return true;
  if (way_ == Way::kSort) return take_sorted(facts, at);
  if (query_.limit != 0 && items_ == query_.limit) {
    more_ = true;
    return !count_known_;
  }
  ++items_;
  body_bytes_ += facts.bytes;
  if (kept_.size() < kKeptItems) kept_.push_back(at);
  return true;
}

bool RangeCursor::take_sorted(const Facts& facts, RecordKey at) {
  Item item{0, facts.value_prefix, at, facts.bytes, static_cast<std::uint32_t>(items_++)};
  if (query_.target == RangeQuery::Target::kVersion) item.number = facts.version;
  if (query_.target == RangeQuery::Target::kCreate) item.number = facts.create;
  if (query_.target == RangeQuery::Target::kMod) item.number = facts.mod;
  auto last_on_top = [this](const Item& a, const Item& b) { return comes_before(a, b); };
  auto first_on_top = [this](const Item& a, const Item& b) { return comes_before(b, a); };
  if (top_is_last_ && std::cmp_equal(heap_.size(), query_.limit)) {
    if (!comes_before(item, heap_.front())) return true;
    std::pop_heap(heap_.begin(), heap_.end(), last_on_top);
    heap_.back() = std::move(item);
    std::push_heap(heap_.begin(), heap_.end(), last_on_top);
    return true;
  }
  if (!store_.hold_sorted_item()) {
    status_ = {Code::kResourceExhausted,
               fmt::format("polis: this replica sorts at most {} keys at a time by something else "
                           "than the key; use a limit of at most {}, a smaller range, or no sort",
                           kSortedItemsMax, kSmallLimit)};
    return false;
  }
  ++held_;
  heap_.push_back(std::move(item));
  if (top_is_last_) {
    std::push_heap(heap_.begin(), heap_.end(), last_on_top);
  } else {
    std::push_heap(heap_.begin(), heap_.end(), first_on_top);
  }
  return true;
}

// The size of the answer, for which its items must be known, but their order only if a large limit
// leaves some out. True: done.
bool RangeCursor::order(std::uint64_t& work) {
  auto first_on_top = [this](const Item& a, const Item& b) { return comes_before(b, a); };
  if (std::exchange(top_is_last_, false)) std::make_heap(heap_.begin(), heap_.end(), first_on_top);
  const std::int64_t matched = items_;
  const std::int64_t wanted = query_.limit != 0 ? std::min(query_.limit, matched) : matched;
  if (std::cmp_less_equal(heap_.size() + ordered_.size(), wanted)) {
    for (const Item& item : heap_) body_bytes_ += item.bytes;
  } else {
    while (std::cmp_less(ordered_.size(), wanted)) {
      if (work == 0) return false;
      spend(work, kRecordWork + std::exchange(compared_, 0) * kRecordWork);
      std::pop_heap(heap_.begin(), heap_.end(), first_on_top);
      body_bytes_ += heap_.back().bytes;
      ordered_.push_back(heap_.back().at);
      heap_.pop_back();
    }
  }
  more_ = wanted < matched;
  items_ = wanted;
  return true;
}

bool RangeCursor::comes_before(const Item& a, const Item& b) const {
  int order = a.number < b.number ? -1 : a.number > b.number ? 1 : a.prefix.compare(b.prefix);
  if (order == 0 && a.prefix.size() == kValuePrefix) order = order_of_values(a.at, b.at);
  if (order != 0) return query_.descending ? order > 0 : order < 0;
  return a.place < b.place;
}

int RangeCursor::order_of_values(RecordKey a, RecordKey b) const {
  int order = 0;
  compared_ += 2;
  store_.read_record(a, [&](const RecordView& left) {
    store_.read_record(b,
                       [&](const RecordView& right) { order = left.value.compare(right.value); });
  });
  return order;
}

// --- reading
// -------------------------------------------------------------------------------------------------------

void RangeCursor::append_item(std::string& out, RecordKey at) {
  ++given_;
  bool found = store_.read_record(at, [&](const RecordView& record) {
    if (query_.keys_only) {
      std::string key_value;
      append_key_value(key_value, record, true);
      append_tag_bytes(out, form_.item_field, key_value);
    } else {
      append_tag_bytes(out, form_.item_field, record.key_value);
    }
  });
  CHECK(found);  // pinned
}

void RangeCursor::append_end(std::string& out) const {
  append_tag_varint(out, kMore, more_ ? 1 : 0);
  append_tag_varint(out, kCount, static_cast<std::uint64_t>(count_));
}

void RangeCursor::read_in_key_order(std::string& out, std::size_t until) {
  const Index& index = store_.index();
  auto i = here();
  for (; given_ < items_ && out.size() < until; advance(i)) {
    CHECK(i != index.end());
    auto at = store_.find_before(i->info, before_);
    if (!at) continue;
    std::uint64_t work = UINT64_MAX;
    if (!query_.filters() || passes(facts_of(*i, *at, work))) append_item(out, *at);
  }
  if (i != index.end()) next_key_ = i->key;
}

bool RangeCursor::read(std::string& out, std::size_t bytes) {
  CHECK(planned_ && status_.ok());
  if (ended_) return false;
  const std::size_t start = out.size();
  const std::size_t until = bytes > SIZE_MAX - start ? SIZE_MAX : start + bytes;
  auto first_on_top = [this](const Item& a, const Item& b) { return comes_before(b, a); };
  const std::vector<RecordKey>& known = way_ == Way::kSort ? ordered_ : kept_;
  if (way_ == Way::kSort && ordered_.empty()) {
    while (given_ < items_ && out.size() < until) {
      std::pop_heap(heap_.begin(), heap_.end(), first_on_top);
      append_item(out, heap_.back().at);
      heap_.pop_back();
    }
  } else if (std::cmp_equal(known.size(), items_)) {
    while (given_ < items_ && out.size() < until)
      append_item(out, known[static_cast<std::size_t>(given_)]);
  } else {
    read_in_key_order(out, until);
  }
  if (given_ == items_) {
    if (form_.end) append_end(out);
    ended_ = true;
  }
  return out.size() > start;
}

}  // namespace polis::store
