#include "store/hash_cursor.hh"

#include "base/crc32c.hh"

namespace polis::store {

HashCursor::HashCursor(Store& store, std::uint64_t revision) : store_(store), revision_(revision) {
  store_.pin(revision_);
}

HashCursor::~HashCursor() { store_.unpin(revision_); }

bool HashCursor::run(std::uint64_t& work) {
  if (done_) return true;
  auto i = store_.index().lower_bound(next_key_);
  for (; i != store_.index().end(); ++i) {
    if (i->key != next_key_) history_ = {};
    if (work == 0 || !add(i->info, work)) {
      next_key_ = i->key;
      return false;
    }
    next_key_ = i->key;
    history_ = {};
  }
  return done_ = true;
}

// The newest record of this key at the revision, unless it is a tombstone. False: there are more
// records to go back than there is work left. At least one is gone back, so that each call helps.
bool HashCursor::add(const KeyInfo& info, std::uint64_t& work) {
  auto spend = [&work](std::uint64_t cost) { work -= std::min(work, cost); };
  spend(kKeyWork);
  RecordKey at = history_.revision != 0 ? history_ : info.newest();
  while (at.revision > revision_) {
    if (!store_.previous_of(at)) return true;
    spend(kRecordWork);
    if (work == 0 && at.revision > revision_) {
      history_ = at;
      return false;
    }
  }
  if (at.revision == 0) return true;
  spend(kRecordWork);
  store_.read_record(at, [this](const RecordView& record) {
    if (!record.tombstone) hash_ = crc32c(record.key_value, hash_);
  });
  return true;
}

}  // namespace polis::store
