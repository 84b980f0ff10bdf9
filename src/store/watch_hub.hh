#pragma once

// Gives the changes of keys to the watchers of this replica. A watcher gets each change of its
// range once, in order, without a gap, from its start revision on.
//
// A watcher is either *synced*: it gets changes in the turn in which they are applied. Or it is
// *behind*: it reads the store's records in revision order, in slices, until it has caught up. A
// watcher is behind if it starts in the past, if its client reads too slowly, or if a turn has more
// watchers than it can serve. So a slow client costs no memory here, only a position; and very many
// watchers of one key cost many short turns instead of a long one.
//
// The watchers of single keys are found by the key, those of ranges by an interval index.
//
// Threads: the loop's.
// Life: construct -> add, remove, turn_end after each turn -> destroy. The store and the sinks must
// outlive it.

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
  std::uint64_t start = 0;        // the first revision to see; 0: the next one
  bool put = true, erase = true;  // the kinds of changes to see
  bool previous = false;          // events have the key's previous value
  bool progress = false;          // on_progress is wanted
  bool fragment = false;          // large answers may be cut into fragments
};

// Receives the changes of watchers; one sink may have many. It must not add or remove watchers
// within these calls.
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  // Events for one WatchResponse: its `events` fields in wire form, valid during the call.
  // `revision`: for its header. `fragment`: the next call continues the same response.
  virtual void on_events(std::int64_t watch, std::string_view events, std::uint64_t revision,
                         bool fragment) = 0;
  // The revisions that the watcher would see next have been compacted. The watcher is removed.
  virtual void on_compacted(std::int64_t watch, std::uint64_t compacted) = 0;
  // The watcher has got everything through `revision`.
  virtual void on_progress(std::int64_t watch, std::uint64_t revision) = 0;
  // False: its client reads too slowly; its watchers get nothing now.
  virtual bool may_write() const = 0;
};

class WatchHub {
 public:
  explicit WatchHub(Store& store) : store_(store), seen_(store.revision()) {}

  // Adds a watcher. `watch`: the sink's own name for it, which is passed to the sink's functions.
  // The sink must outlive the watcher.
  using Handle = std::uint64_t;
  Handle add(WatchSink& sink, std::int64_t watch, WatchSpec spec);
  // Does nothing if the watcher was removed before.
  void remove(Handle handle);
  std::size_t size() const { return watchers_.size(); }
  // The watcher has been given everything that was applied.
  bool synced(Handle handle) const;
  // All watchers of this sink have.
  bool synced(const WatchSink& sink) const;

  // Call it after every turn. Gives the changes of the turn to the watchers that are synced, and
  // slices of the history to those that are behind. Does a bounded amount of work. True: some
  // watchers have more to read, so call it again soon.
  bool turn_end();
  // Calls on_progress for each watcher that asked for it and that has got nothing since the last
  // call.
  void notify_progress();
  // A snapshot has replaced the store's state by a newer one: all watchers are behind and read on
  // from their positions.
  void on_store_replaced();

 private:
  struct Watcher;
  // The synced watchers of one key or range.
  struct Group {
    std::vector<Watcher*> members;
  };
  // The watchers of one sink.
  struct Stream {
    WatchSink* sink;
    std::size_t watchers = 0;
    std::size_t collected = 0;           // bytes of events in this turn
    std::list<Watcher*> behind;          // those that are behind; the first is served next
    std::list<Stream*>::iterator place;  // in lagging_, while any watcher is behind
  };
  struct Watcher {
    Handle handle;
    Stream* stream;
    std::int64_t watch;
    WatchSpec spec;
    std::uint64_t next;  // the first revision that was not given to it
    bool quiet = true;   // it got nothing since the last notify_progress
    std::string events;  // collected in this turn
    bool cut = false;    // there was no room for all events of this turn
    // Its place: in a group if it is synced, else in Stream::behind.
    Group* group = nullptr;
    std::size_t group_place = 0;
    std::list<Watcher*>::iterator behind_place;

    bool synced() const { return group != nullptr; }
  };
  // One change in wire form, without and with the previous value. Each form is made when the first
  // watcher needs it.
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
  std::uint64_t seen_;  // synced watchers have got everything through this revision
  Handle next_handle_ = 1;
  std::unordered_map<Handle, Watcher> watchers_;
  std::unordered_map<const WatchSink*, Stream> streams_;
  std::unordered_map<std::string, Group> by_key_;
  IntervalIndex<Group> by_range_;
  std::list<Stream*> lagging_;  // streams with watchers that are behind; the first is served next
};

}  // namespace polis::store
