#pragma once

// A watch: tells each change of a key or a range once, in order, from a revision on, for as long as
// it lives and wherever the replicas are.
//
//   Watch watch(client, loop, {.keys = Keys::with_prefix("jobs/"), .picture = Picture::kFirst},
//               {.picture = [&](const PicturePage& page) { ... },   // what is there
//                .changes = [&](const Changes& changes) { ... },    // and what happens then
//                .missed = [&](const Missed& missed) { ... }});
//
// When its stream ends or is silent for 15 s, it goes on at another endpoint, behind the last
// revision of which everything was told. A replica that is without a master for long ends its
// streams, so a watch does not stay at one that is cut off from the others.
//
// If the cell has forgotten what would have come next, the watch says which revisions it missed,
// and goes on with what is there; with a picture, it shows a new picture first.
//
// The order of callbacks is the order in which things happened. What a transaction changed comes in
// one Changes.
//
// A user who cannot take more calls pause. Up to `waiting_bytes_max` wait here, then the stream
// ends and costs neither side anything; resume goes on from there. After a pause that is longer
// than the cell keeps its history, the watch says what it missed.
//
// Threads: the loop's.   Life: construct (the first callback comes later) -> pause / resume ->
// destroy, also within a callback; none comes afterwards. The client must outlive it.

#include <functional>
#include <memory>
#include <optional>

#include "client/client.hh"
#include "client/watch_news.hh"
#include "io/loop.hh"

namespace polis::client {

// kFirst: the keys as they are, read at one revision, come before the changes behind it, and again
// whenever changes were missed.
enum class Picture { kNone, kFirst };

struct WatchOptions {
  enum class Kinds { kAll, kPuts, kDeletions };

  Keys keys;
  // The first revision whose changes are told; it may be past or future. Nothing: what happens
  // after the watch was made (or after the picture, with which `from` must be nothing).
  std::optional<Revision> from = std::nullopt;
  Picture picture = Picture::kNone;
  Kinds kinds = Kinds::kAll;
  Previous previous = Previous::kNo;  // whether changes say what was there before
  std::int64_t page_keys = 1000;      // keys on a page of the picture, 1 or more
  // Bytes of keys and values that may wait while it is paused. A little more may: the last answer
  // that came.
  std::size_t waiting_bytes_max = 1 << 20;
};

// Those that are left out are not told. client/watch_news.hh says what each means.
struct WatchHandlers {
  std::function<void(const PicturePage&)> picture = {};
  std::function<void(const Changes&)> changes = {};
  std::function<void(const Missed&)> missed = {};
  std::function<void(Progress)> progress = {};
  // For logs: nothing is lost between these two.
  std::function<void(const Interrupted&)> interrupted = {};
  std::function<void()> resumed = {};
  // No endpoint takes this watch, since it is wrong. Nothing follows.
  std::function<void(const WatchEnded&)> ended = {};
};

class Watch {
 public:
  Watch(Client& client, io::Loop& loop, WatchOptions options, WatchHandlers handlers);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // No callback comes until resume. Within a callback: what is left waits.
  void pause();
  // What waited comes later, not within this call.
  void resume();
  // With what it would go on: everything before was told, or waits for resume. Nothing: it is not
  // known yet; it is as soon as a replica has made the watch. To go on in another process, keep
  // Changes::through and Progress::through instead, and begin with the revision behind it.
  std::optional<Revision> next() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace polis::client
