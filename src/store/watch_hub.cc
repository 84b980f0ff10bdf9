#include "store/watch_hub.hh"

#include <algorithm>

#include "base/check.hh"

namespace polis::store {
namespace {

// Records looked at, for watchers that are behind, before it is another stream's turn.
constexpr std::size_t kSliceRecords = 6000;  // a batch, and 2000 records
// And for all of them in one turn of the loop; a watcher counts as some records.
constexpr std::size_t kTurnRecords = 10'000;
constexpr std::size_t kWatcherRecords = 4;
// Watchers of one stream that are served in one pass over the records.
constexpr std::size_t kBatchWatchers = 1000;
// Watchers that are given a change in the turn in which it is applied; the others are behind then.
constexpr std::size_t kWatchersPerTurn = 10'000;
// One response is sent at the next revision's border beyond this.
constexpr std::size_t kResponseBytes = 512 << 10;
// Events of one turn for all watchers of one stream; with more, some of them are behind.
constexpr std::size_t kCollectedBytesMax = 1 << 20;
// A fragmenting watcher gets no larger pieces than this: gRPC clients refuse more than 4 MiB by
// default.
constexpr std::size_t kFragmentBytes = 1 << 20;

// Fields of WatchResponse and Event.
constexpr int kEvents = 11, kEventType = 1, kEventKv = 2, kEventPrevious = 3;

}  // namespace

// --- who is there
// --------------------------------------------------------------------------------------------------

WatchHub::Handle WatchHub::add(WatchSink& sink, std::int64_t watch, WatchSpec spec) {
  Handle handle = next_handle_++;
  std::uint64_t next = spec.start == 0 ? store_.revision() + 1 : spec.start;
  Stream& stream = streams_[&sink];
  stream.sink = &sink;
  ++stream.watchers;
  Watcher& watcher = watchers_[handle];
  watcher.handle = handle;
  watcher.stream = &stream;
  watcher.watch = watch;
  watcher.spec = std::move(spec);
  watcher.next = next;
  if (next > seen_) {
    subscribe(watcher);
  } else {
    become_behind(watcher, next);
  }
  return handle;
}

void WatchHub::remove(Handle handle) {
  auto found = watchers_.find(handle);
  if (found == watchers_.end()) return;
  Watcher& watcher = found->second;
  if (watcher.synced()) {
    unsubscribe(watcher);
  } else {
    leave_behind(watcher);
  }
  if (--watcher.stream->watchers == 0) streams_.erase(watcher.stream->sink);
  watchers_.erase(found);
}

bool WatchHub::synced(Handle handle) const {
  auto found = watchers_.find(handle);
  return found != watchers_.end() && found->second.synced() && seen_ == store_.revision();
}

bool WatchHub::synced(const WatchSink& sink) const {
  auto found = streams_.find(&sink);
  return seen_ == store_.revision() && (found == streams_.end() || found->second.behind.empty());
}

void WatchHub::subscribe(Watcher& watcher) {
  const KeyRange& range = watcher.spec.range;
  Group& group = range.single() ? by_key_[range.key] : by_range_[range];
  watcher.group = &group;
  watcher.group_place = group.members.size();
  group.members.push_back(&watcher);
}

void WatchHub::unsubscribe(Watcher& watcher) {
  std::vector<Watcher*>& members = watcher.group->members;
  members[watcher.group_place] = members.back();
  members[watcher.group_place]->group_place = watcher.group_place;
  members.pop_back();
  watcher.group = nullptr;
  if (!members.empty()) return;
  const KeyRange& range = watcher.spec.range;
  if (range.single()) {
    by_key_.erase(range.key);
  } else {
    by_range_.erase(range);
  }
}

void WatchHub::drop_events(Watcher& watcher) {
  watcher.stream->collected -= watcher.events.size();
  std::string().swap(watcher.events);
}

void WatchHub::become_behind(Watcher& watcher, std::uint64_t next) {
  Stream& stream = *watcher.stream;
  if (watcher.synced()) unsubscribe(watcher);
  drop_events(watcher);
  watcher.next = next;
  if (stream.behind.empty()) stream.place = lagging_.insert(lagging_.end(), &stream);
  watcher.behind_place = stream.behind.insert(stream.behind.end(), &watcher);
}

void WatchHub::leave_behind(Watcher& watcher) {
  Stream& stream = *watcher.stream;
  stream.behind.erase(watcher.behind_place);
  if (stream.behind.empty()) lagging_.erase(stream.place);
}

// --- events
// --------------------------------------------------------------------------------------------------------

bool WatchHub::wants(const Watcher& watcher, const RecordView& record) const {
  return record.tombstone ? watcher.spec.erase : watcher.spec.put;
}

const std::string& WatchHub::event_of(Event& event, const Watcher& watcher,
                                      const RecordView& record) const {
  const bool previous = watcher.spec.previous && record.previous.revision != 0;
  std::string& out = previous ? event.with_previous : event.plain;
  if (!out.empty()) return out;
  std::string content;
  if (record.tombstone) append_tag_varint(content, kEventType, 1);
  append_tag_bytes(content, kEventKv, record.key_value);
  if (previous) {
    store_.read_record(record.previous, [&](const RecordView& before) {
      if (!before.tombstone) append_tag_bytes(content, kEventPrevious, before.key_value);
    });
  }
  append_tag_bytes(out, kEvents, content);
  return out;
}

// A watcher that did not ask for fragments gets one revision in one piece, however large.
void WatchHub::flush(Watcher& watcher, std::uint64_t revision) {
  if (watcher.events.empty()) return;
  watcher.quiet = false;
  WatchSink& sink = *watcher.stream->sink;
  std::string_view rest = watcher.events;
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
    sink.on_events(watcher.watch, rest.substr(0, piece), revision, true);
    rest.remove_prefix(piece);
  }
  sink.on_events(watcher.watch, rest, revision, false);
  drop_events(watcher);
}

// --- those that are up to date
// -------------------------------------------------------------------------------------

void WatchHub::give_new_changes() {
  if (seen_ >= store_.revision()) return;
  const std::uint64_t first = seen_ + 1;
  std::vector<Watcher*> touched;
  if (!by_key_.empty() || !by_range_.empty()) {
    std::vector<Group*> groups;
    std::string key;
    store_.scan_records({first, 0}, [&](storage::RecordKey, const RecordView& record) {
      groups.clear();
      key = record.key;
      if (auto exact = by_key_.find(key); exact != by_key_.end()) groups.push_back(&exact->second);
      by_range_.visit(record.key, [&](Group& group) { groups.push_back(&group); });
      for (Group* group : groups) offer(*group, record, first, touched);
      return true;
    });
  }
  seen_ = store_.revision();
  std::sort(touched.begin(), touched.end(),
            [](const Watcher* a, const Watcher* b) { return a->handle < b->handle; });
  for (Watcher* watcher : touched) {
    // Put behind since it was touched: what it had collected is read again.
    if (!watcher->synced()) continue;
    if (!watcher->stream->sink->may_write()) {
      become_behind(*watcher, std::max(watcher->next, first));
      continue;
    }
    watcher->next = seen_ + 1;
    flush(*watcher, seen_);
  }
}

// Gives the change to a group's watchers, or puts those behind for which there is no room now. The
// group may be gone then.
void WatchHub::offer(Group& group, const RecordView& record, std::uint64_t first,
                     std::vector<Watcher*>& touched) {
  Event event;
  // From the last to the first: who leaves the group gives its place to one that was offered.
  for (std::size_t i = group.members.size(); i-- > 0;) {
    Watcher& watcher = *group.members[i];
    Stream& stream = *watcher.stream;
    if (static_cast<std::uint64_t>(record.mod_revision) < watcher.next || !wants(watcher, record))
      continue;
    const bool fresh = watcher.events.empty();
    if ((fresh && touched.size() >= kWatchersPerTurn) || stream.collected >= kCollectedBytesMax) {
      const bool last = group.members.size() == 1;
      become_behind(watcher, std::max(watcher.next, first));
      if (last) return;
      continue;
    }
    const std::string& bytes = event_of(event, watcher, record);
    watcher.events += bytes;
    stream.collected += bytes.size();
    if (fresh) touched.push_back(&watcher);
  }
}

// --- those that are behind
// -----------------------------------------------------------------------------------------

// Reads on for the first watchers of a stream that are equally far, in one pass over the records,
// as far as one slice goes.
void WatchHub::catch_up_some(Stream& stream, std::size_t& budget) {
  const std::uint64_t from = stream.behind.front()->next;
  std::vector<Watcher*> batch, of_ranges;
  std::unordered_map<std::string, std::vector<Watcher*>> of_keys;
  for (Watcher* watcher : stream.behind) {
    if (watcher->next != from || batch.size() == kBatchWatchers) break;
    batch.push_back(watcher);
    const KeyRange& range = watcher->spec.range;
    (range.single() ? of_keys[range.key] : of_ranges).push_back(watcher);
  }
  std::size_t looked = batch.size() * kWatcherRecords;
  std::uint64_t reached = seen_ + 1;
  std::string name;
  store_.scan_records({from, 0}, [&](storage::RecordKey key, const RecordView& record) {
    if (key.revision > seen_) return false;
    if (key.sub == 0 && (looked > kSliceRecords || stream.collected > kResponseBytes)) {
      if (key.revision == from) return true;  // at least one revision
      reached = key.revision;
      return false;
    }
    looked += 1 + of_ranges.size();
    Event event;
    name = record.key;
    if (auto found = of_keys.find(name); found != of_keys.end()) {
      looked += found->second.size();
      for (Watcher* watcher : found->second) collect(*watcher, event, record);
    }
    for (Watcher* watcher : of_ranges) {
      if (watcher->spec.range.contains(record.key)) collect(*watcher, event, record);
    }
    return true;
  });
  budget -= std::min(budget, looked);
  for (Watcher* watcher : batch) {
    stream.behind.splice(stream.behind.end(), stream.behind, watcher->behind_place);
    if (std::exchange(watcher->cut, false)) continue;  // it begins where it did
    watcher->next = std::max(watcher->next, reached);  // it may begin in the future
    flush(*watcher, reached - 1);
    if (reached <= seen_) continue;
    leave_behind(*watcher);
    subscribe(*watcher);
  }
}

// Where its stream has no room for more, it is cut: what it had collected is read again. A watcher
// that alone fills the room goes on: one revision may be larger than that.
void WatchHub::collect(Watcher& watcher, Event& event, const RecordView& record) {
  if (watcher.cut || !wants(watcher, record)) return;
  if (watcher.stream->collected >= kCollectedBytesMax &&
      watcher.stream->collected > watcher.events.size()) {
    drop_events(watcher);
    watcher.cut = true;
    return;
  }
  const std::string& bytes = event_of(event, watcher, record);
  watcher.events += bytes;
  watcher.stream->collected += bytes.size();
}

// Those for whom what they want next is gone. True: there were some.
bool WatchHub::end_compacted(Stream& stream, std::size_t& budget) {
  Watcher& watcher = *stream.behind.front();
  if (watcher.next >= store_.compacted()) return false;
  budget -= std::min(budget, kWatcherRecords);
  WatchSink& sink = *stream.sink;
  const std::int64_t watch = watcher.watch;
  remove(watcher.handle);
  sink.on_compacted(watch, store_.compacted());
  return true;
}

// Round robin over the streams, and over the watchers of each.
bool WatchHub::catch_up() {
  std::size_t budget = kTurnRecords;
  std::size_t blocked = 0;  // at the end of the list, one after the other
  while (budget > 0 && blocked < lagging_.size()) {
    Stream& stream = *lagging_.front();
    lagging_.splice(lagging_.end(), lagging_, stream.place);
    if (!stream.sink->may_write()) {
      ++blocked;  // it goes on when its client has read
      continue;
    }
    blocked = 0;
    if (!end_compacted(stream, budget)) catch_up_some(stream, budget);
  }
  return blocked < lagging_.size();
}

bool WatchHub::turn_end() {
  give_new_changes();
  return !lagging_.empty() && catch_up();
}

void WatchHub::notify_progress() {
  for (auto& [handle, watcher] : watchers_) {
    WatchSink& sink = *watcher.stream->sink;
    if (watcher.spec.progress && watcher.quiet && watcher.synced() && sink.may_write())
      sink.on_progress(watcher.watch, seen_);
    watcher.quiet = true;
  }
}

void WatchHub::on_store_replaced() {
  for (auto& [handle, watcher] : watchers_) {
    if (watcher.synced()) become_behind(watcher, std::max(watcher.next, seen_ + 1));
  }
}

}  // namespace polis::store
