#include "store/range.hh"

#include "api/etcd/rpc.pb.h"
#include "base/check.hh"

namespace polis::store {
namespace {

// RangeResponse fields.
constexpr int kKvs = 2, kMore = 3, kCount = 4;

std::uint64_t field_bytes(std::uint64_t length) { return 1 + varint_bytes(length) + length; }

}  // namespace

Status Store::readable(std::uint64_t revision) const {
  if (revision > revision_) return status::future_revision();
  if (revision != 0 && revision < compacted_) return status::compacted();
  return {};
}

Reply Store::range(const RangeQuery& query) const {
  Reply reply{readable(query.revision), {}, revision_};
  if (!reply.status.ok()) return reply;
  // A cursor only pins, which changes nothing that can be seen.
  RangeCursor cursor(const_cast<Store&>(*this), query);
  while (cursor.read(reply.body, SIZE_MAX)) {
  }
  return reply;
}

bool Store::range_of_one(const RangeQuery& query, std::string& body) const {
  if (!query.range.single() || query.revision != 0 || query.keys_only || query.count_only ||
      query.filters())
    return false;
  auto found = index_.find(query.range.key);
  if (found == index_.end() || found->second.tombstone) return true;
  bool read = read_bytes(found->second.newest(), [&](std::string_view bytes) {
    append_tag_bytes(body, kKvs, key_value_of_record(bytes));
  });
  CHECK(read);
  append_tag_varint(body, kCount, 1);
  return true;
}

Reply range_in_txn(Store& store, const etcdserverpb::RangeRequest& request,
                   std::uint64_t revision) {
  RangeQuery query;
  bool serializable;
  Reply reply{parse_range(request.SerializeAsString(), query, serializable), {}, revision};
  if (!reply.status.ok()) return reply;
  if (query.revision == 0) query.revision = revision;
  RangeCursor cursor(store, query);
  while (cursor.read(reply.body, SIZE_MAX)) {
  }
  return reply;
}

RangeCursor::RangeCursor(Store& store, RangeQuery query)
    : store_(store),
      query_(std::move(query)),
      revision_(query_.revision != 0 ? query_.revision : store.revision()) {
  store_.pin(revision_);
  plan();
}

RangeCursor::~RangeCursor() { store_.unpin(revision_); }

void RangeCursor::plan() {
  if (!query_.count_only && (query_.filters() || !query_.key_order())) {
    plan_sorted();
  } else {
    plan_scan();
  }
  std::string end;
  append_end(end);
  body_bytes_ += end.size();
  next_key_ = query_.range.key;
}

std::uint64_t RangeCursor::item_bytes(RecordKey at, const KeyInfo& info) {
  if (!query_.keys_only && at == info.newest()) return field_bytes(info.key_value_bytes);
  std::uint64_t bytes = 0;
  store_.read_record(at, [&](const RecordView& record) {
    if (query_.keys_only) {
      std::string key_value;
      append_key_value(key_value, record, true);
      bytes = field_bytes(key_value.size());
    } else {
      bytes = field_bytes(record.key_value.size());
    }
  });
  return bytes;
}

void RangeCursor::plan_scan() {
  const Index& index = store_.index();
  for (auto i = query_.range.begin_in(index); i != index.end() && query_.range.contains(i->first);
       ++i) {
    auto at = store_.find_at(i->second, revision_);
    if (!at) continue;
    ++count_;
    if (query_.count_only || (query_.limit != 0 && items_ == query_.limit)) continue;
    body_bytes_ += item_bytes(*at, i->second);
    ++items_;
  }
  more_ = !query_.count_only && items_ < count_;
}

void RangeCursor::plan_sorted() {
  struct Item {
    RecordKey at;
    std::int64_t number;  // what is sorted by, unless it is text
    std::string text;
    std::uint64_t bytes;
  };
  std::vector<Item> items;
  const Index& index = store_.index();
  for (auto i = query_.range.begin_in(index); i != index.end() && query_.range.contains(i->first);
       ++i) {
    auto at = store_.find_at(i->second, revision_);
    if (!at) continue;
    ++count_;
    store_.read_record(*at, [&](const RecordView& record) {
      if (query_.min_mod != 0 && record.mod_revision < query_.min_mod) return;
      if (query_.max_mod != 0 && record.mod_revision > query_.max_mod) return;
      if (query_.min_create != 0 && record.create_revision < query_.min_create) return;
      if (query_.max_create != 0 && record.create_revision > query_.max_create) return;
      Item item{*at, 0, {}, item_bytes(*at, i->second)};
      switch (query_.target) {
        case RangeQuery::Target::kKey:
          item.number = static_cast<std::int64_t>(items.size());
          break;
        case RangeQuery::Target::kVersion:
          item.number = record.version;
          break;
        case RangeQuery::Target::kCreate:
          item.number = record.create_revision;
          break;
        case RangeQuery::Target::kMod:
          item.number = record.mod_revision;
          break;
        case RangeQuery::Target::kValue:
          item.text = record.value;
          break;
      }
      items.push_back(std::move(item));
    });
  }
  auto less = [](const Item& a, const Item& b) {
    return std::tie(a.number, a.text) < std::tie(b.number, b.text);
  };
  if (query_.descending) {
    std::stable_sort(items.begin(), items.end(),
                     [&](const Item& a, const Item& b) { return less(b, a); });
  } else {
    std::stable_sort(items.begin(), items.end(), less);
  }
  if (query_.limit != 0 && std::cmp_greater(items.size(), query_.limit)) {
    items.resize(static_cast<std::size_t>(query_.limit));
    more_ = true;
  }
  for (const Item& item : items) {
    body_bytes_ += item.bytes;
    sorted_.push_back(item.at);
  }
  items_ = static_cast<std::int64_t>(sorted_.size());
}

void RangeCursor::append_item(std::string& out, RecordKey at) {
  bool found = store_.read_record(at, [&](const RecordView& record) {
    if (query_.keys_only) {
      std::string key_value;
      append_key_value(key_value, record, true);
      append_tag_bytes(out, kKvs, key_value);
    } else {
      append_tag_bytes(out, kKvs, record.key_value);
    }
  });
  CHECK(found);  // pinned
}

void RangeCursor::append_end(std::string& out) const {
  append_tag_varint(out, kMore, more_ ? 1 : 0);
  append_tag_varint(out, kCount, static_cast<std::uint64_t>(count_));
}

bool RangeCursor::read(std::string& out, std::size_t bytes) {
  if (ended_) return false;
  const std::size_t start = out.size();
  if (!sorted_.empty()) {
    while (given_ < items_ && out.size() - start < bytes)
      append_item(out, sorted_[static_cast<std::size_t>(given_++)]);
  } else if (given_ < items_) {
    const Index& index = store_.index();
    auto i = index.lower_bound(next_key_);
    for (; given_ < items_ && out.size() - start < bytes; ++i) {
      CHECK(i != index.end());
      auto at = store_.find_at(i->second, revision_);
      if (!at) continue;
      append_item(out, *at);
      ++given_;
    }
    if (i != index.end()) next_key_ = i->first;
  }
  if (given_ == items_) {
    append_end(out);
    ended_ = true;
  }
  return out.size() > start;
}

}  // namespace polis::store
