#pragma once

// How far one peer has come, as the master sees it, and which messages to it were not answered yet.
// Slots are accepted in any order: a lost message is sent again by itself, and no other message
// waits for it.
//
// Threads: one at a time; Paxos owns it.

#include <deque>

#include "base/time.hh"
#include "consensus/paxos/slots.hh"

namespace polis::paxos {

// One kAccept that was not answered yet.
struct InFlight {
  LogIndex first, last;   // its slots
  std::size_t bytes = 0;  // of its entries' payloads
  Instant sent{};         // when it was last sent
  int passed = 0;         // how many messages that were sent later have been answered
  int tries = 0;          // how often it was sent again
};

struct Peer {
  LogIndex learned;          // everything through here is chosen and durable there, as it last said
  SlotSet accepted;          // what it has accepted under this ballot, behind the master's commit_
  LogIndex next;             // the first slot that was never sent to it
  Instant heard{};           // when a message last came from it
  std::uint64_t round = 0;   // the newest round that it answered
  LogIndex commit_sent;      // the newest commit index that it was told
  Instant asked_snapshot{};  // when it last asked for a part of a snapshot
  // The master's commit index at the last periodic heartbeat; the maximum: there was none yet.
  LogIndex commit_at_heartbeat{UINT64_MAX};
  bool caught_up = false;  // between two heartbeats it learned all that was chosen at the first one
  // Instant::max(): the peer is a member. Else it has been removed. It is told until this time what
  // is chosen, so that it learns of its removal.
  Instant leaves_at = Instant::max();

  std::deque<InFlight> in_flight;   // in the order of the first sending
  std::size_t in_flight_bytes = 0;  // sum of their bytes
  // The time from an accept to its answer, with the peer's disk: a moving average; 0: not known
  // yet.
  Duration round_trip{};

  // A kAccept has left.
  void sent(LogIndex first, LogIndex last, std::size_t bytes, Instant now) {
    in_flight.push_back({first, last, bytes, now});
    in_flight_bytes += bytes;
  }
  // Precondition: the message was sent once. The answer to a message that was sent again may belong
  // to either sending (Karn and Partridge 1987).
  void note_round_trip(Duration took) {
    round_trip = round_trip == Duration() ? took : round_trip + (took - round_trip) / 8;
  }
  // The message needs no answer any more.
  void drop(std::deque<InFlight>::iterator item) {
    in_flight_bytes -= item->bytes;
    in_flight.erase(item);
  }
};

}  // namespace polis::paxos
