#pragma once

// Watches: who gets which change. Every watcher sees every change of its range once, in order, and
// none missed, from its start revision on.
//
// A watcher that is up to date gets changes as they are applied. One that starts in the past, or
// whose client reads too slowly, or that is one of more than a turn can serve, is behind: it reads
// from the store's records in revision order, in slices, until it has caught up. So a slow client
// costs no memory here, only its position, and many watchers of one key cost many short turns.
//
// A change finds its watchers by its key, and those of ranges by an interval index.
//
// Threads: the loop's.

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.hh"
#include "store/interval_index.hh"
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

// Where a watcher's changes go. It must not add or remove watchers from within these calls.
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
  // All watchers of this sink are.
  bool synced(const WatchSink& sink) const;

  // After every turn: gives what was applied to those that are up to date, and slices to those
  // that are behind. Does a bounded amount of work. True: some have more to read; call again soon.
  bool turn_end();
  // Tells watchers that asked for it, and that have had nothing since the last call, how far they
  // are.
  void notify_progress();
  // The store was replaced by a newer state: everyone reads on from where he is.
  void on_store_replaced();

 private:
  struct Watcher;
  // The watchers of one key or range that are up to date.
  struct Group {
    std::vector<Watcher*> members;
  };
  // What belongs to one sink.
  struct Stream {
    WatchSink* sink;
    std::size_t watchers = 0;
    std::size_t collected = 0;           // bytes of events in this turn
    std::list<Watcher*> behind;          // the one to be served next comes first
    std::list<Stream*>::iterator place;  // in lagging_, while any is behind
  };
  struct Watcher {
    Handle handle;
    Stream* stream;
    std::int64_t watch;
    WatchSpec spec;
    std::uint64_t next;  // first revision not yet given
    bool quiet = true;   // since the last progress notification
    std::string events;  // being collected in this turn
    bool cut = false;    // there was no room for all of them
    // One of the two: among those that are up to date, or among those that are behind.
    Group* group = nullptr;
    std::size_t group_place = 0;
    std::list<Watcher*>::iterator behind_place;

    bool synced() const { return group != nullptr; }
  };
  // One change, in wire form as each kind of watcher wants it; made when the first one does.
  struct Event {
    std::string plain, with_previous;
  };

  void subscribe(Watcher& watcher);
  void unsubscribe(Watcher& watcher);
  void become_behind(Watcher& watcher, std::uint64_t next);
  void leave_behind(Watcher& watcher);
  void drop_events(Watcher& watcher);
  void give_new_changes();
  void offer(Group& group, const RecordView& record, std::uint64_t first,
             std::vector<Watcher*>& touched);
  bool catch_up();
  void catch_up_some(Stream& stream, std::size_t& budget);
  bool end_compacted(Stream& stream, std::size_t& budget);
  bool wants(const Watcher& watcher, const RecordView& record) const;
  const std::string& event_of(Event& event, const Watcher& watcher, const RecordView& record) const;
  void collect(Watcher& watcher, Event& event, const RecordView& record);
  void flush(Watcher& watcher, std::uint64_t revision);

  Store& store_;
  std::uint64_t seen_;  // through this revision the watchers that are up to date have been served
  Handle next_handle_ = 1;
  std::unordered_map<Handle, Watcher> watchers_;
  std::unordered_map<const WatchSink*, Stream> streams_;
  std::unordered_map<std::string, Group> by_key_;
  IntervalIndex<Group> by_range_;
  std::list<Stream*> lagging_;  // streams with watchers that are behind, the next one first
};

}  // namespace polis::store
