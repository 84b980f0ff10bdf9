#pragma once

// A watch: tells each change of a key or a range once, in order, from a revision on, for as long as
// it lives, whichever replicas stop or move.
//
//   Watch watch(client, loop, {.keys = Keys::with_prefix("jobs/"), .picture = Picture::kFirst},
//               {.picture = [&](const PicturePage& page) { ... },   // what is there
//                .changes = [&](const Changes& changes) { ... },    // and what happens then
//                .missed = [&](const Missed& missed) { ... }});
//
// When its stream ends or is silent for 15 s, the watch goes on at another endpoint, behind the
// last revision of which everything was told. A replica that has known no master for long ends its
// streams, so a watch does not stay at a replica that is cut off from the others.
//
// If the cell has compacted the revision that would have come next, the watch says which revisions
// it missed, and goes on with the oldest ones that exist. With a picture, it shows a new picture
// first.
//
// The order of callbacks is the order in which things happened. All changes of a transaction come
// in one Changes (Changes::more is the exception).
//
// A user that cannot take more calls pause(). Up to `waiting_bytes_max` of changes wait here; then
// the stream is ended, which costs neither side anything. After resume() the watch goes on where it
// was. If the pause is longer than the cell keeps its history, the watch says what it missed.
//
// Threads: the loop's.
// Life: construct (the first callback comes later) -> pause / resume -> destroy, also within a
// callback; no callback follows. The client must outlive it.

#include <functional>
#include <memory>
#include <optional>

#include "client/client.hh"
#include "client/watch_news.hh"
#include "io/loop.hh"

namespace polis::client {

// kFirst: the keys as they are, read at one revision, come before the changes behind it. The same
// happens again whenever changes were missed.
enum class Picture { kNone, kFirst };

struct WatchOptions {
  enum class Kinds { kAll, kPuts, kDeletions };

  Keys keys;
  // The first revision whose changes are told; it may lie in the past or in the future. nullopt:
  // the next revision after the watch was made, or after the picture. Must be nullopt with a
  // picture.
  std::optional<Revision> from = std::nullopt;
  Picture picture = Picture::kNone;
  Kinds kinds = Kinds::kAll;
  Previous previous = Previous::kNo;  // whether events have the key as it was before
  std::int64_t page_keys = 1000;      // keys on a page of the picture, 1 or more
  // Bytes of keys and values that may wait while the watch is paused. One answer more may wait.
  std::size_t waiting_bytes_max = 1 << 20;
};

// Each callback may be left out. client/watch_news.hh says what each of them tells.
struct WatchHandlers {
  std::function<void(const PicturePage&)> picture = {};
  std::function<void(const Changes&)> changes = {};
  std::function<void(const Missed&)> missed = {};
  std::function<void(Progress)> progress = {};
  // For logs: nothing is missed between `interrupted` and `resumed`.
  std::function<void(const Interrupted&)> interrupted = {};
  std::function<void()> resumed = {};
  // All endpoints refuse this watch, because its options are wrong. No other callback follows.
  std::function<void(const WatchEnded&)> ended = {};
};

class Watch {
 public:
  Watch(Client& client, io::Loop& loop, WatchOptions options, WatchHandlers handlers);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // No callback is called until resume, also if pause is called within a callback.
  void pause();
  // Callbacks are called again, with what has waited; not within this call.
  void resume();
  // The revision with which the watch would go on; everything before it was told, or waits for
  // resume. nullopt: no replica has made the watch yet. To go on in another process, keep
  // Changes::through and Progress::through instead, and begin with the revision behind it.
  std::optional<Revision> next() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace polis::client
