#pragma once

// The news that a watch tells its user.
//
// Threads: plain values.

#include <string>
#include <variant>
#include <vector>

#include "client/types.hh"

namespace polis::client {

// A page of a *picture*: the watched keys as they were at one revision. All pages of a picture have
// the same revision and come in the order of keys. Between them, only Interrupted and Resumed may
// come. A picture may be cut off and begun again (another page with `first`); then the earlier
// pages are void. A key that was known before and is not in the picture has been deleted.
struct PicturePage {
  Revision at;
  std::vector<KeyValue> keys;
  bool first = false;  // it begins a picture
  bool last = false;   // the picture is complete
};

// Changes in the order in which they happened.
struct Changes {
  std::vector<Event> events;  // at least one
  // All changes through this revision have been told.
  Revision through;
  // The exception: further changes of the last event's revision follow. This happens only if the
  // changes of one revision are too large to be joined.
  bool more = false;
};

enum class MissedWhy {
  kCompacted,  // the history was compacted before this watch could read it
  kRestored,   // the cell was restored from a backup: its history is another one
};

// Changes that will not be told. With a picture, the picture that follows shows their result;
// without one, read the keys.
struct Missed {
  MissedWhy why = MissedWhy::kCompacted;
  // The first and the last revision whose changes are missed. kRestored: `first` is the revision of
  // the old history that the watch would have told next; `last` is the newest revision of the new
  // history, which may be smaller.
  Revision first, last;
};

// All changes of the watched keys through this revision have been told.
struct Progress {
  Revision through;
};

// The stream has ended. The watch looks for another replica by itself. Nothing is missed so far.
struct Interrupted {
  std::string why;
};

// The watch goes on after Interrupted.
struct Resumed {};

// The watch has ended for good, because all endpoints refuse it. `why`: the refusal.
struct WatchEnded {
  std::string why;
};

using WatchNews =
    std::variant<PicturePage, Changes, Missed, Progress, Interrupted, Resumed, WatchEnded>;

}  // namespace polis::client
