#pragma once

// The decisions of a watch, as a pure object: what has been told, where to go on after a stream has
// ended, what was missed, and when a silent stream is given up. It neither sends nor waits; Watch
// (client/watch.hh) does what its output says.
//
// What it guarantees: each change of the watched keys is told once, in the order of revisions, or
// lies in a range of revisions that is told as missed.
//
// How: `next_` is the first revision of which not everything was told. Each stream begins there.
// Changes of one revision may come in several answers (fragments); they are joined, so that an
// answer that never came takes back what belongs to it. A revision that is too large to be joined
// is told in parts; then the parts are counted, and skipped when they come again.
//
// States:
//   kWaiting   no stream; one begins at `retry_at_`
//   kReading   no stream; a page of the picture is awaited
//   kOpening   a stream was begun; the replica has not said yet that the watch is created
//   kWatching  the replica has said so
//   kHeld      no stream: the user has paused, and the news that wait have reached their bound
//   kEnded     nothing happens any more
//
// Threads: one.   Life: construct -> start -> on_* / pause / resume; after each of them take_output
// must be carried out, and then take_news until it gives nothing.

#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hh"
#include "base/time.hh"
#include "client/watch_news.hh"
#include "client/wire.hh"

namespace polis::client {

class WatchCore {
 public:
  struct Options {
    std::optional<Revision> from;  // the first revision to tell; nullopt: the next one
    bool picture = false;          // a picture of the keys comes first; then `from` is nullopt
    // Bytes of keys and values that may wait for a user who has paused, before the stream is ended.
    std::size_t waiting_bytes_max = 1 << 20;
    // Bytes of one revision that are joined before its parts are told one by one.
    std::size_t joined_bytes_max = 16 << 20;
    // A stream that says nothing for `silence` is asked for its progress; after another `patience`
    // without any answer it is given up. The patience doubles each time that this happens without
    // news in between, up to kPatienceMax: a replica that goes through a long history has nothing
    // to say for a while.
    Duration silence = std::chrono::seconds(10);
    Duration patience = std::chrono::seconds(5);
    // Between attempts that fail; doubles from one to the other. The first comes at once.
    Duration retry_min = std::chrono::milliseconds(50);
    Duration retry_max = std::chrono::seconds(2);
  };
  static constexpr Duration kPatienceMax = std::chrono::minutes(5);
  // A stream that lived for less counts as a failed attempt.
  static constexpr Duration kLivedMin = std::chrono::seconds(1);

  // What the driver has to do, in this order.
  struct Output {
    bool close = false;    // end the stream; pass nothing from it to this object any more
    bool move_on = false;  // go to another endpoint: that of the stream is suspected
    bool open = false;     // begin a stream with a watch from next() on
    bool probe = false;    // ask on the stream for its progress
    bool read = false;     // ask for the next page of the picture: from the beginning if fresh
    bool read_fresh = false;
    Instant wake = Instant::max();  // call on_time at this time
  };

  explicit WatchCore(Options options) : options_(options), next_(options.from) {}

  void start(Instant now);
  // A reply has come on the open stream. `endpoints`: how many the client has; a watch that all of
  // them refuse ends.
  void on_reply(wire::WatchReply reply, std::size_t endpoints, Instant now);
  // The open stream has ended.
  void on_closed(const std::string& why, Instant now);
  // The page that was asked for has come. `last`: it is the last one of the picture. kNotFound: its
  // revision was compacted; the picture begins again.
  void on_page(Result<Found> page, bool last, Instant now);
  void on_time(Instant now);

  // From now on take_news gives nothing. What arrives waits, up to the bound.
  void pause() { paused_ = true; }
  void resume(Instant now);
  bool paused() const { return paused_; }

  Output take_output();
  // The next news for the user. nullopt: there is none, or the watch is paused.
  std::optional<WatchNews> take_news();

  // The revision with which the next stream must begin. nullopt: with the next one.
  std::optional<Revision> next() const { return next_; }

 private:
  enum class State { kWaiting, kReading, kOpening, kWatching, kHeld, kEnded };

  void on_created(const wire::WatchReply& reply, Instant now);
  void on_canceled(const wire::WatchReply& reply, std::size_t endpoints, Instant now);
  void on_events(wire::WatchReply reply);
  void tell_whole(std::size_t events, Revision through);
  void tell_part();
  void end(const std::string& why);
  void ask_for_page();
  void on_compacted(Revision oldest, Instant now);
  void on_other_history(Revision newest, Instant now);
  void tell(WatchNews news, std::size_t bytes = 0);
  void interrupt(const std::string& why);
  void drop_stream();
  void begin_stream(Instant now);
  void begin_picture();
  void retry(Instant now);
  void hold_if_too_much();
  bool streaming() const { return state_ == State::kOpening || state_ == State::kWatching; }
  Instant next_wake() const;

  Options options_;
  State state_ = State::kWaiting;
  Output output_;
  bool paused_ = false;

  std::optional<Revision> next_;
  std::uint64_t cell_ = 0;          // the cell to which the history belongs; 0: not known yet
  std::optional<Revision> missed_;  // missed from here on, until the next picture has come
  MissedWhy missed_why_ = MissedWhy::kCompacted;
  bool picture_due_ = false;  // a picture must come before the next stream
  bool page_asked_ = false;   // a page was asked for, or will be by the next output
  bool page_first_ = true;    // the next page begins a picture

  // The revision that is not complete: its changes that have come, and how many of them were told.
  std::vector<Event> partial_;
  std::size_t partial_bytes_ = 0;
  std::size_t told_of_next_ = 0;
  std::size_t skip_ = 0;  // how many changes that come now were told before

  std::deque<std::pair<WatchNews, std::size_t>> news_;
  std::size_t news_bytes_ = 0;

  Instant retry_at_ = Instant::max();
  Duration retry_{};  // 0: the next attempt comes at once
  Instant created_at_;
  Instant heard_;  // when the stream last said something, or began
  bool probed_ = false;
  Duration patience_{options_.patience};
  std::size_t refusals_ = 0;  // by endpoints in a row
  bool interrupted_ = false;  // the user was told Interrupted, and not Resumed yet
};

}  // namespace polis::client
