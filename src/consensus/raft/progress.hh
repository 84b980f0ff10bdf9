#pragma once

// How far one follower has come, as the leader sees it, and how much it may be sent.
//
// The leader begins by probing: one message at a time, until the follower accepts one. Then it
// sends ahead of the follower's replies, within a window. If the log that the follower needs has
// been released, it is sent a snapshot.
//
// Source: Raft thesis 10.2.1 (pipelining) and 3.5 (nextIndex, matchIndex).
//
// Threads: one at a time; Raft owns it.

#include <deque>

#include "base/time.hh"
#include "consensus/types.hh"

namespace polis::raft {

enum class Feed { kProbe, kReplicate, kSnapshot };

// One append that has not been answered.
struct InFlight {
  consensus::LogIndex last;  // its last entry
  std::size_t bytes = 0;     // of its entries' payloads
};

struct Progress {
  // The follower's log equals the leader's through here, durably. Only grows within a term.
  consensus::LogIndex match;
  consensus::LogIndex next;  // the first entry that is sent next; match < next
  Feed feed = Feed::kProbe;
  bool probe_sent = false;          // kProbe: one message is under way
  Instant heard{};                  // when anything last came from it
  std::uint64_t round = 0;          // the newest heartbeat round that it answered
  consensus::LogIndex commit_sent;  // the newest commit index that it was told

  consensus::LogIndex match_at_heartbeat;  // `match` when the last periodic heartbeat left
  // `match` has not moved since then although the log goes on: a message may be lost.
  bool gap_suspected = false;

  consensus::LogIndex last_at_heartbeat;  // the end of the leader's log when that heartbeat left
  // Between two heartbeats the follower took in all that the log held at the first one.
  bool caught_up = false;
  // Instant::max(): the follower is a member. Else it has been removed. It is sent entries until
  // this time, so that it learns of its removal.
  Instant leaves_at = Instant::max();

  std::deque<InFlight> in_flight;  // kReplicate: messages not yet answered, oldest first
  std::size_t in_flight_bytes = 0;
  // How many messages may be in flight; Options::in_flight_messages_max is a bound, too. Each
  // refusal halves it, because on a network that reorders a wide window is refused again and again.
  // Each answer that is news makes it grow by one.
  std::size_t window = kWidest;
  static constexpr std::size_t kWidest = 1 << 20;

  // kSnapshot only.
  consensus::LogIndex snapshot;       // its mark's index
  std::uint64_t snapshot_offset = 0;  // of the part that the follower wants next, bytes
  bool chunk_sent = false;            // that part is under way
  Instant chunk_sent_at{};

  void become_probe() {
    feed = Feed::kProbe;
    probe_sent = false;
    next = match.next();
    clear_in_flight();
  }
  void become_replicate() {
    feed = Feed::kReplicate;
    next = match.next();
    clear_in_flight();
  }
  void become_snapshot(consensus::LogIndex index) {
    feed = Feed::kSnapshot;
    snapshot = index;
    snapshot_offset = 0;
    chunk_sent = false;
    clear_in_flight();
  }

  // The follower says that everything through `index` is durable there. True: that is news.
  bool advance(consensus::LogIndex index) {
    while (!in_flight.empty() && in_flight.front().last <= index) {
      in_flight_bytes -= in_flight.front().bytes;
      in_flight.pop_front();
    }
    if (next <= index) next = index.next();
    if (index <= match) return false;
    window = std::min(window + 1, kWidest);
    match = index;
    return true;
  }

  // An append through `last` has left.
  void sent(consensus::LogIndex last, std::size_t bytes) {
    in_flight.push_back({last, bytes});
    in_flight_bytes += bytes;
    next = last.next();
  }

  // An append was refused.
  void narrow() { window = std::max<std::size_t>(1, std::min(window, in_flight.size()) / 2); }

  void clear_in_flight() {
    in_flight.clear();
    in_flight_bytes = 0;
  }
};

}  // namespace polis::raft
