// Opening, the engine, and single records.

#include "store/store.hh"

#include <fmt/format.h>

#include "base/check.hh"
#include "base/crc32c.hh"
#include "store/hash_cursor.hh"

namespace polis::store {
namespace {

// Stored names: DO NOT CHANGE.
constexpr std::string_view kLeasePrefix = "lease/";
constexpr std::string_view kWindowPrefix = "window/";
constexpr std::uint8_t kMetaVersion = 1;
constexpr std::size_t kChecksumBytes = 4;
// Revision, compacted, history checksum, compaction done.
constexpr std::size_t kMetaNumbersBytes = 8 + 8 + 4 + 8;

std::uint32_t checksum_of(std::string_view name, std::string_view value) {
  return crc32c(value, crc32c(name));
}

std::string damaged_record(RecordKey key) {
  return fmt::format(
      "the state's record of revision {}.{} (state.mdb) is damaged; rebuild this replica from its "
      "peers: polis cell repair",
      key.revision, key.sub);
}

}  // namespace

std::optional<SnapshotMark> mark_of_meta(std::string_view meta) {
  Reader in(meta);
  SnapshotMark mark;
  if (in.u8() != kMetaVersion || !decode(in, mark)) return std::nullopt;
  return mark;
}

std::optional<SavedBy> saved_by_of_meta(std::string_view meta) {
  Reader in(meta);
  SnapshotMark mark;
  if (in.u8() != kMetaVersion || !decode(in, mark)) return std::nullopt;
  in.take(kMetaNumbersBytes);
  SavedBy by;
  by.cell = in.u64();
  by.replica = ReplicaId(in.u64());
  by.protocol = in.u8() == 0 ? consensus::Protocol::kRaft : consensus::Protocol::kPaxos;
  by.log_durable = in.u64();
  return in.ok() ? std::optional(by) : std::nullopt;
}

std::string Store::encode_meta() const {
  std::string bytes;
  Writer out(bytes);
  out.u8(kMetaVersion);
  encode(out, applied_);
  out.u64(revision_);
  out.u64(compacted_);
  out.u32(history_hash_);
  out.u64(compaction_done_);
  // Releases of before read through what is above and leave the rest.
  if (saved_by_) {
    out.u64(saved_by_->cell);
    out.u64(saved_by_->replica.value);
    out.u8(saved_by_->protocol == consensus::Protocol::kRaft ? 0 : 1);
    out.u64(saved_by_->log_durable);
  }
  return bytes;
}

Result<void> Store::restore_named(std::string_view name, std::string_view value) {
  auto broken = [&]() -> Result<void> {
    return fail(ErrorCode::kCorrupt,
                fmt::format("the state's value '{}' (state.mdb) is damaged; rebuild this replica "
                            "from its peers: polis cell repair",
                            name.substr(0, name.find('/'))));
  };
  if (name == kCellVersionName || cell_version_ >= kCellVersionChecksums) {
    if (value.size() < kChecksumBytes) return broken();
    Reader crc(value.substr(value.size() - kChecksumBytes));
    value.remove_suffix(kChecksumBytes);
    if (crc.u32() != checksum_of(name, value)) return broken();
  }
  Reader in(value);
  if (name == kCellVersionName) cell_version_ = static_cast<CellVersion>(in.varint());
  if (name == kMetaName) {
    if (in.u8() != kMetaVersion || !decode(in, applied_)) return broken();
    revision_ = in.u64();
    compacted_ = in.u64();
    history_hash_ = in.u32();
    compaction_done_ = in.u64();
    saved_by_ = saved_by_of_meta(value);
    return in.ok() ? Result<void>() : broken();
  }
  if (name.starts_with(kMastershipPrefix)) {
    name.remove_prefix(kMastershipPrefix.size());
    if (name.size() != 2 * sizeof(std::uint64_t)) return broken();
    mastership_ = {Term(big_endian(name.substr(0, 8))), ReplicaId(big_endian(name.substr(8)))};
  } else if (name.starts_with(kLeasePrefix)) {
    leases_.grant(static_cast<std::int64_t>(big_endian(name.substr(kLeasePrefix.size()))),
                  in.i64());
  } else if (name.starts_with(kWindowPrefix)) {
    ReplicaId id(big_endian(name.substr(kWindowPrefix.size())));
    return windows_[id].decode(value) ? Result<void>() : broken();
  }
  // Whoever opens the store looks at the version next, and knows what to say.
  if (cell_version_ > kCellVersionNewest) return {};
  return in.done() ? Result<void>() : broken();
}

Result<void> Store::restore(RecordKey key, std::string_view bytes) {
  auto record = decode_record(bytes);
  if (!record || !is_intact(key, bytes) || key.revision > revision_)
    return fail(ErrorCode::kCorrupt, damaged_record(key));
  restore_record(key, *record);
  return {};
}

void Store::restore_record(RecordKey key, const RecordView& record) {
  auto place = index_.try_emplace(record.key);
  if (place->info.leased) leases_.attach(place->key, 0);
  KeyInfo info{
      .create_revision = static_cast<std::uint64_t>(record.create_revision),
      .mod_revision = key.revision,
      .version = static_cast<std::uint32_t>(std::min<std::int64_t>(record.version, UINT32_MAX)),
      .key_value_bytes = static_cast<std::uint32_t>(record.key_value.size()),
      .sub = key.sub,
      .tombstone = record.tombstone,
      .leased = false,
      .revision_bytes = revision_bytes_of(record)};
  if (record.lease != 0 && leases_.contains(record.lease)) {
    leases_.attach(place->key, record.lease);
    info.leased = true;
  }
  index_.update(place, info);
}

Result<void> Store::open() {
  storage::SnapshotRows rows = restore_from();
  Result<void> result;
  auto named = engine_->scan_named("", [&](std::string_view name, std::string_view value) {
    if (result) result = rows.named(name, value);
  });
  if (!named || !result) return named ? result : named;
  auto scanned = engine_->scan({}, [&](RecordKey key, std::string_view bytes) {
    result = rows.record(key, bytes);
    return result.has_value();
  });
  return scanned ? result : scanned;
}

storage::SnapshotRows Store::restore_from() {
  return {[this](std::string_view name, std::string_view value) {
            auto result = restore_named(name, value);
            if (name == kMetaName) durable_ = applied_;
            return result;
          },
          [this](RecordKey key, std::string_view bytes) { return restore(key, bytes); }};
}

storage::SnapshotRows Store::check_rows() {
  auto checks_records = [](RecordKey key, std::string_view bytes) -> Result<void> {
    if (is_intact(key, bytes)) return {};
    return fail(ErrorCode::kCorrupt, damaged_record(key));
  };
  return {.record = checks_records};
}

void Store::exchange(Store& other) {
  Store mine = std::move(*this);
  *this = std::move(other);
  other = std::move(mine);
  std::swap(pins_, other.pins_);
  std::swap(sorted_items_, other.sorted_items_);
  other.tail_.clear();  // the only part whose bytes others share
}

SharedBytes Store::find_in_tail(RecordKey key) const {
  if (tail_.empty() || key < tail_.front().key) return nullptr;
  auto found = std::lower_bound(tail_.begin(), tail_.end(), key,
                                [](const Record& r, RecordKey k) { return r.key < k; });
  return found != tail_.end() && found->key == key ? found->bytes : nullptr;
}

bool Store::read_bytes(RecordKey key, const std::function<void(std::string_view)>& use) const {
  if (SharedBytes bytes = find_in_tail(key)) {
    use(*bytes);
    return true;
  }
  auto found = engine_->get(key, [&](std::string_view bytes) {
    CHECK_MSG(is_intact(key, bytes), damaged_record(key));
    use(bytes);
  });
  CHECK_MSG(found.has_value(),
            found ? "" : found.error().text);  // the disk no longer gives what it took
  return *found;
}

bool Store::read_record(RecordKey key, const std::function<void(const RecordView&)>& use) const {
  return read_bytes(key, [&](std::string_view bytes) {
    auto record = decode_record(bytes);
    CHECK(record.has_value());
    use(*record);
  });
}

void Store::scan_records(RecordKey from,
                         const std::function<bool(RecordKey, const RecordView&)>& use) const {
  bool more = true;
  RecordKey tail_from = tail_.empty() ? RecordKey{UINT64_MAX, 0} : tail_.front().key;
  if (from < tail_from) {
    auto scanned = engine_->scan(from, [&](RecordKey key, std::string_view bytes) {
      if (key >= tail_from) return false;
      auto record = decode_record(bytes);
      CHECK_MSG(record.has_value() && is_intact(key, bytes), damaged_record(key));
      return more = use(key, *record);
    });
    CHECK_MSG(scanned.has_value(), scanned ? "" : scanned.error().text);
  }
  auto i = std::lower_bound(tail_.begin(), tail_.end(), from,
                            [](const Record& r, RecordKey k) { return r.key < k; });
  for (; more && i != tail_.end(); ++i) {
    auto record = decode_record(*i->bytes);
    CHECK(record.has_value());
    more = use(i->key, *record);
  }
}

std::optional<RecordKey> Store::find_before(const KeyInfo& info, RecordKey before) const {
  RecordKey at = info.newest();
  if (at < before) return info.tombstone ? std::nullopt : std::optional(at);
  while (at >= before) {
    if (!previous_of(at)) return std::nullopt;
    if (at.revision == 0) return std::nullopt;
  }
  bool tombstone = false;
  if (!read_record(at, [&](const RecordView& record) { tombstone = record.tombstone; }))
    return std::nullopt;
  return tombstone ? std::nullopt : std::optional(at);
}

bool Store::previous_of(RecordKey& at) const {
  RecordKey previous;
  if (!read_record(at, [&](const RecordView& record) { previous = record.previous; })) return false;
  at = previous;
  return true;
}

Result<std::uint32_t> Store::hash_at(std::uint64_t revision) const {
  // A cursor only pins, which changes nothing that can be seen.
  HashCursor cursor(const_cast<Store&>(*this), revision);
  std::uint64_t work = UINT64_MAX;
  CHECK(cursor.run(work));
  return cursor.hash();
}

// --- the engine
// ----------------------------------------------------------------------------------------------------

void Store::set_saved_by(const SavedBy& saved_by) {
  if (saved_by_ == saved_by) return;
  saved_by_ = saved_by;
  saved_by_unsaved_ = true;
}

void Store::skip_revisions(std::uint64_t by) {
  revision_ += by;
  compacted_ = revision_;
  saved_by_unsaved_ = true;
}

bool Store::unsaved() const {
  return applied_ != durable_ || !removed_.empty() || !named_.empty() || saved_by_unsaved_;
}

std::optional<WriteBatch> Store::take_batch() {
  CHECK(tail_saving_ == 0 && named_saving_.empty() && removed_saving_.empty());
  if (!unsaved()) return std::nullopt;
  saved_by_unsaved_ = false;
  WriteBatch batch;
  batch.records.assign(tail_.begin(), tail_.end());
  tail_saving_ = tail_.size();
  for (auto& [id, window] : windows_) {
    std::string name(kWindowPrefix), value;
    append_big_endian(name, id.value);
    window.encode(value);
    batch.named.emplace_back(std::move(name), std::move(value));
  }
  for (auto& [name, value] : named_) batch.named.emplace_back(name, value);
  named_saving_ = std::exchange(named_, {});
  removed_saving_ = std::exchange(removed_, {});
  batch.removed = removed_saving_;
  batch.named.emplace_back(std::string(kMetaName), encode_meta());
  if (cell_version_ >= kCellVersionChecksums) {
    for (auto& [name, value] : batch.named) {
      if (value) Writer(*value).u32(checksum_of(name, *value));
    }
  }
  saving_ = applied_;
  return batch;
}

void Store::on_batch_committed() {
  for (std::size_t i = 0; i < tail_saving_; ++i) {
    tail_bytes_ -= tail_.front().bytes->size();
    tail_.pop_front();
  }
  tail_saving_ = 0;
  named_saving_.clear();
  removed_saving_.clear();
  durable_ = saving_;
}

void Store::on_batch_failed() {
  tail_saving_ = 0;
  named_saving_.merge(named_);  // keeps the older of two values ...
  for (auto& [name, value] : named_) named_saving_[name] = value;  // ... and the newer one wins
  named_ = std::exchange(named_saving_, {});
  removed_.insert(removed_.end(), removed_saving_.begin(), removed_saving_.end());
  removed_saving_.clear();
  saved_by_unsaved_ = true;
}

// --- physical compaction
// -------------------------------------------------------------------------------------------

bool Store::hold_sorted_item() {
  if (sorted_items_ >= kSortedItemsMax) return false;
  ++sorted_items_;
  return true;
}

void Store::unpin(std::uint64_t revision) {
  auto pin = pins_.find(revision);
  CHECK(pin != pins_.end());
  if (--pin->second == 0) pins_.erase(pin);
}

// A record with revision < compacted makes the key's previous record unreadable; a tombstone is
// unreadable itself. So one pass over the records of the compacted span finds everything, and each
// record is looked at once.
//
// Those of the compacted revision itself are looked at twice: a watcher may begin there and has to
// see all that happened, a deletion above all. So they stay for now, and only what came before them
// goes.
bool Store::compact_some(std::size_t records_max) {
  if (compacted_ == 0 || compaction_reached_ == compacted_) return false;
  std::uint64_t limit = compacted_;
  if (!pins_.empty()) limit = std::min(limit, pins_.begin()->first);
  if (!tail_.empty()) limit = std::min(limit, tail_.front().key.revision - 1);
  if (limit <= compaction_done_)
    return false;  // held back: by a reader, or until the tail is saved
  std::uint64_t through = limit;
  std::size_t looked = 0;
  std::vector<std::pair<std::string, RecordKey>> dead_keys;
  scan_records({compaction_done_ + 1, 0}, [&](RecordKey key, const RecordView& record) {
    if (key.revision > limit) return false;
    if (looked >= records_max && key.sub == 0) {
      through = key.revision - 1;
      return false;
    }
    ++looked;
    if (record.previous.revision != 0 && record.previous.revision < compacted_)
      removed_.push_back(record.previous);
    if (record.tombstone && key.revision < compacted_) {
      removed_.push_back(key);
      dead_keys.emplace_back(record.key, key);
    }
    return true;
  });
  for (auto& [name, at] : dead_keys) {
    auto found = index_.find(name);
    if (found != index_.end() && found->info.newest() == at) index_.erase(found);
  }
  compaction_done_ = std::min(through, compacted_ - 1);
  compaction_reached_ = through;
  return compaction_reached_ < compacted_;
}

}  // namespace polis::store
