#pragma once

// What a watch tells its user.
//
// Threads: values; any.

#include <string>
#include <variant>
#include <vector>

#include "client/types.hh"

namespace polis::client {

// A part of the watched keys as they were at one revision. The pages of one picture have the same
// revision and come in the order of keys, with other news only if the connection changes. A picture
// may be cut off and begun anew (another page with `first`), and then all of what came before is
// void. What was known and is not in the picture has been deleted.
struct PicturePage {
  Revision at;
  std::vector<KeyValue> keys;
  bool first = false;
  bool last = false;
};

// Changes in the order in which they happened.
struct Changes {
  std::vector<Event> events;  // at least one
  // Everything up to and with this revision has been told, except if `more`: then further changes
  // of the revision of the last event follow. That comes only if one revision's changes are larger
  // than can be joined.
  Revision through;
  bool more = false;
};

enum class MissedWhy {
  kCompacted,  // the history was forgotten before this watch could read it
  kRestored,   // the cell was restored from a backup: its history is another one
};

// Changes that will not be told one by one. With a picture, the picture that follows shows what
// came of them; without, only reading does.
struct Missed {
  MissedWhy why = MissedWhy::kCompacted;
  // First and last revision whose changes are missed. kRestored: `first` is what the watch would
  // have seen next in the old history, `last` the newest revision of the new one, which may be
  // smaller.
  Revision first, last;
};

// Nothing else happened to the watched keys up to and with this revision.
struct Progress {
  Revision through;
};

// The stream ended; the watch looks for another replica by itself. Nothing is lost yet.
struct Interrupted {
  std::string why;
};

// The watch goes on after Interrupted.
struct Resumed {};

// The watch ended for good: no endpoint takes it. kInvalid: the text says why.
struct WatchEnded {
  std::string why;
};

using WatchNews =
    std::variant<PicturePage, Changes, Missed, Progress, Interrupted, Resumed, WatchEnded>;

}  // namespace polis::client
