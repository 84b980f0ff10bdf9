#pragma once

// How far one follower has come, as the leader sees it, and how much it may be sent.
//
// Source: Raft thesis 10.2.1 (pipelining) and 3.5 (nextIndex, matchIndex). A follower is probed
// with one message at a time until it accepts one, then fed ahead of its replies within a window,
// or given a snapshot.

#include <deque>

#include "base/time.hh"
#include "consensus/types.hh"

namespace polis::raft {

enum class Feed { kProbe, kReplicate, kSnapshot };

struct InFlight {
  consensus::LogIndex last;
  std::size_t bytes = 0;
};

struct Progress {
  consensus::LogIndex match;  // known to be durable there; only grows within a term
  consensus::LogIndex next;   // what is sent next; match < next
  Feed feed = Feed::kProbe;
  bool probe_sent = false;          // kProbe: one message is under way
  Instant heard{};                  // when anything last came from it
  std::uint64_t round = 0;          // the newest heartbeat round that it answered
  consensus::LogIndex commit_sent;  // the newest commit index that it was told

  consensus::LogIndex match_at_heartbeat;  // match when the last periodic heartbeat left
  bool gap_suspected = false;  // match has not moved since, though there is more to have

  consensus::LogIndex last_at_heartbeat;  // the end of the leader's log then
  bool caught_up = false;  // between two heartbeats it came by all that was there at the first
  Instant leaves_at = Instant::max();  // not a member any more: fed until then, so that it knows

  std::deque<InFlight> in_flight;  // kReplicate: messages not yet answered, oldest first
  std::size_t in_flight_bytes = 0;
  // Messages that may be in flight, if the options allow as many. Halved by each refusal: on a
  // network that reorders, a wide window is refused again and again. Grows by one with each answer.
  std::size_t window = kWidest;
  static constexpr std::size_t kWidest = 1 << 20;

  // kSnapshot: which, what the follower wants next, and when the last chunk left.
  consensus::LogIndex snapshot;
  std::uint64_t snapshot_offset = 0;
  bool chunk_sent = false;
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

  // Everything through `index` arrived and is durable. True if that is news.
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

  void sent(consensus::LogIndex last, std::size_t bytes) {
    in_flight.push_back({last, bytes});
    in_flight_bytes += bytes;
    next = last.next();
  }

  void narrow() { window = std::max<std::size_t>(1, std::min(window, in_flight.size()) / 2); }

  void clear_in_flight() {
    in_flight.clear();
    in_flight_bytes = 0;
  }
};

}  // namespace polis::raft
