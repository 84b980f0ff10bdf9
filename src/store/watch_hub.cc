#include "store/watch_hub.hh"

#include "base/check.hh"

namespace polis::store {
namespace {

// Records looked at for one watcher in one turn.
constexpr std::size_t kSliceRecords = 2000;
// One response is sent at the next revision's border beyond this.
constexpr std::size_t kResponseBytes = 512 << 10;
// A fragmenting watcher gets no larger pieces than this: gRPC clients refuse more than 4 MiB by
// default.
constexpr std::size_t kFragmentBytes = 1 << 20;

// Fields of WatchResponse and Event.
constexpr int kEvents = 11, kEventType = 1, kEventKv = 2, kEventPrevious = 3;

}  // namespace

WatchHub::Handle WatchHub::add(WatchSink& sink, std::int64_t watch, WatchSpec spec) {
  Handle handle = next_handle_++;
  std::uint64_t next = spec.start == 0 ? store_.revision() + 1 : spec.start;
  Watcher& watcher = watchers_[handle] = {&sink, watch, std::move(spec), next, false, true, {}};
  if (watcher.next > seen_) {
    watcher.synced = true;
    subscribe(handle, watcher);
  } else {
    unsynced_[handle] = true;
  }
  return handle;
}

void WatchHub::remove(Handle handle) {
  auto found = watchers_.find(handle);
  if (found == watchers_.end()) return;
  if (found->second.synced) unsubscribe(handle, found->second);
  unsynced_.erase(handle);
  watchers_.erase(found);
}

bool WatchHub::synced(Handle handle) const {
  auto found = watchers_.find(handle);
  return found != watchers_.end() && found->second.synced && seen_ == store_.revision();
}

void WatchHub::subscribe(Handle handle, const Watcher& watcher) {
  if (watcher.spec.range.single()) {
    by_key_[watcher.spec.range.key].push_back(handle);
  } else {
    ranges_[handle] = watcher.spec.range;
  }
}

void WatchHub::unsubscribe(Handle handle, const Watcher& watcher) {
  if (!watcher.spec.range.single()) {
    ranges_.erase(handle);
    return;
  }
  auto found = by_key_.find(watcher.spec.range.key);
  if (found == by_key_.end()) return;
  std::erase(found->second, handle);
  if (found->second.empty()) by_key_.erase(found);
}

void WatchHub::become_unsynced(Handle handle, Watcher& watcher, std::uint64_t next) {
  if (watcher.synced) unsubscribe(handle, watcher);
  watcher.synced = false;
  watcher.next = next;
  watcher.events.clear();
  unsynced_[handle] = true;
}

bool WatchHub::wants(const Watcher& watcher, const RecordView& record) const {
  return record.tombstone ? watcher.spec.erase : watcher.spec.put;
}

void WatchHub::append_event(std::string& out, const Watcher& watcher,
                            const RecordView& record) const {
  std::string event;
  if (record.tombstone) append_tag_varint(event, kEventType, 1);
  append_tag_bytes(event, kEventKv, record.key_value);
  if (watcher.spec.previous && record.previous.revision != 0) {
    store_.read_record(record.previous, [&](const RecordView& previous) {
      if (!previous.tombstone) append_tag_bytes(event, kEventPrevious, previous.key_value);
    });
  }
  append_tag_bytes(out, kEvents, event);
}

// A watcher that did not ask for fragments gets one revision in one piece, however large.
void WatchHub::flush(Watcher& watcher, std::uint64_t revision) {
  if (watcher.events.empty()) return;
  watcher.quiet = false;
  std::string events = std::exchange(watcher.events, {});
  std::string_view rest = events;
  while (watcher.spec.fragment && rest.size() > kFragmentBytes) {
    // Whole events only.
    Reader in(rest);
    std::size_t piece = 0;
    while (piece < kFragmentBytes && in.remaining() > 0) {
      in.varint();
      in.string();
      piece = rest.size() - in.remaining();
    }
    if (piece == rest.size()) break;
    watcher.sink->on_events(watcher.watch, rest.substr(0, piece), revision, true);
    rest.remove_prefix(piece);
  }
  watcher.sink->on_events(watcher.watch, rest, revision, false);
}

void WatchHub::give_new_changes() {
  if (seen_ >= store_.revision()) return;
  if (by_key_.empty() && ranges_.empty()) {
    seen_ = store_.revision();
    return;
  }
  std::map<Handle, bool> touched;
  auto offer = [&](Handle handle, const RecordView& record) {
    Watcher& watcher = watchers_.at(handle);
    if (static_cast<std::uint64_t>(record.mod_revision) < watcher.next || !wants(watcher, record))
      return;
    append_event(watcher.events, watcher, record);
    touched[handle] = true;
  };
  store_.scan_records({seen_ + 1, 0}, [&](storage::RecordKey, const RecordView& record) {
    auto exact = by_key_.find(std::string(record.key));
    if (exact != by_key_.end()) {
      for (Handle handle : exact->second) offer(handle, record);
    }
    for (const auto& [handle, range] : ranges_) {
      if (range.contains(record.key)) offer(handle, record);
    }
    return true;
  });
  const std::uint64_t first = seen_ + 1;
  seen_ = store_.revision();
  for (auto& [handle, unused] : touched) {
    Watcher& watcher = watchers_.at(handle);
    if (!watcher.sink->may_write()) {
      become_unsynced(handle, watcher, std::max(watcher.next, first));
      continue;
    }
    watcher.next = seen_ + 1;
    flush(watcher, seen_);
  }
}

// True: it has read everything and is up to date now, or it is gone.
bool WatchHub::catch_up_one(Handle handle, Watcher& watcher) {
  if (watcher.next < store_.compacted()) {
    WatchSink* sink = watcher.sink;
    std::int64_t watch = watcher.watch;
    remove(handle);
    sink->on_compacted(watch, store_.compacted());
    return true;
  }
  std::size_t looked = 0;
  std::uint64_t next = seen_ + 1;
  store_.scan_records({watcher.next, 0}, [&](storage::RecordKey key, const RecordView& record) {
    if (key.revision > seen_) return false;
    if (key.sub == 0 && (++looked > kSliceRecords || watcher.events.size() > kResponseBytes)) {
      next = key.revision;
      return false;
    }
    if (watcher.spec.range.contains(record.key) && wants(watcher, record))
      append_event(watcher.events, watcher, record);
    return true;
  });
  watcher.next = std::max(watcher.next, next);  // it may begin in the future
  flush(watcher, next - 1);
  if (next <= seen_) return false;
  watcher.synced = true;
  subscribe(handle, watcher);
  return true;
}

bool WatchHub::catch_up() {
  bool more = false;
  std::vector<Handle> handles;
  for (auto& [handle, unused] : unsynced_) handles.push_back(handle);
  for (Handle handle : handles) {
    auto found = watchers_.find(handle);
    if (found == watchers_.end()) continue;
    if (!found->second.sink->may_write()) continue;  // it is called again when its client has read
    if (catch_up_one(handle, found->second)) {
      unsynced_.erase(handle);
    } else {
      more = true;
    }
  }
  return more;
}

bool WatchHub::turn_end() {
  give_new_changes();
  return !unsynced_.empty() && catch_up();
}

void WatchHub::notify_progress() {
  for (auto& [handle, watcher] : watchers_) {
    if (watcher.spec.progress && watcher.quiet && watcher.synced && watcher.sink->may_write()) {
      watcher.sink->on_progress(watcher.watch, seen_);
    }
    watcher.quiet = true;
  }
}

void WatchHub::on_store_replaced() {
  for (auto& [handle, watcher] : watchers_) {
    if (watcher.synced) become_unsynced(handle, watcher, std::max(watcher.next, seen_ + 1));
  }
}

}  // namespace polis::store
