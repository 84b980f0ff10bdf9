#pragma once

// Watches: who gets which change. Every watcher sees every change of its range once, in order, and
// none missed, from its start revision on.
//
// A watcher that is up to date gets changes as they are applied. One that starts in the past, or
// whose client reads too slowly, reads them from the store's records in revision order, in slices,
// until it has caught up: so a slow client costs no memory here, only its position.
//
// Threads: the loop's.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.hh"
#include "store/store.hh"

namespace polis::store {

struct WatchSpec {
  KeyRange range;
  std::uint64_t start = 0;        // first revision to see; 0: whatever comes next
  bool put = true, erase = true;  // what is wanted
  bool previous = false;
  bool progress = false;
  bool fragment = false;
};

// Where a watcher's changes go.
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  // One WatchResponse's `events` fields in wire form; `revision` is for its header. `fragment`:
  // more of the same follow.
  virtual void on_events(std::int64_t watch, std::string_view events, std::uint64_t revision,
                         bool fragment) = 0;
  // The watcher is gone: what it wants next has been compacted.
  virtual void on_compacted(std::int64_t watch, std::uint64_t compacted) = 0;
  virtual void on_progress(std::int64_t watch, std::uint64_t revision) = 0;
  // Whether it should be given more now.
  virtual bool may_write() const = 0;
};

class WatchHub {
 public:
  explicit WatchHub(Store& store) : store_(store), seen_(store.revision()) {}

  // `watch` is the sink's own name for it. The sink must outlive it.
  using Handle = std::uint64_t;
  Handle add(WatchSink& sink, std::int64_t watch, WatchSpec spec);
  void remove(Handle handle);
  std::size_t size() const { return watchers_.size(); }
  // Up to date: nothing that was applied is still to be sent to it.
  bool synced(Handle handle) const;

  // After every turn: gives what was applied to those that are up to date, and a slice to those
  // that are not. True: some have more to read; call again soon.
  bool turn_end();
  // Tells watchers that asked for it, and that have had nothing since the last call, how far they
  // are.
  void notify_progress();
  // The store was replaced by a newer state: everyone reads on from where he is.
  void on_store_replaced();

 private:
  struct Watcher {
    WatchSink* sink;
    std::int64_t watch;
    WatchSpec spec;
    std::uint64_t next;  // first revision not yet given
    bool synced = false;
    bool quiet = true;   // since the last progress notification
    std::string events;  // being collected in this turn
  };

  void subscribe(Handle handle, const Watcher& watcher);
  void unsubscribe(Handle handle, const Watcher& watcher);
  void become_unsynced(Handle handle, Watcher& watcher, std::uint64_t next);
  void give_new_changes();
  bool catch_up();
  bool catch_up_one(Handle handle, Watcher& watcher);
  bool wants(const Watcher& watcher, const RecordView& record) const;
  void append_event(std::string& out, const Watcher& watcher, const RecordView& record) const;
  void flush(Watcher& watcher, std::uint64_t revision);

  Store& store_;
  std::uint64_t seen_;  // through this revision the synced watchers have been served
  Handle next_handle_ = 1;
  std::unordered_map<Handle, Watcher> watchers_;
  std::unordered_map<std::string, std::vector<Handle>> by_key_;  // synced, single keys
  std::map<Handle, KeyRange> ranges_;                            // synced, true ranges
  std::map<Handle, bool> unsynced_;
};

}  // namespace polis::store
