#pragma once

// How far one peer has come, as the master sees it, and what is under way to it. Slots are accepted
// in any order: what is lost is sent again by itself, and nothing waits behind it.

#include <deque>

#include "base/time.hh"
#include "consensus/paxos/slots.hh"

namespace polis::paxos {

struct InFlight {
  LogIndex first, last;
  std::size_t bytes = 0;
  Instant sent{};
  int passed = 0;  // how many messages that were sent later have been answered
  int tries = 0;   // how often it was sent again
};

struct Peer {
  LogIndex learned;          // chosen and durable there, without gaps; as it last said
  SlotSet accepted;          // under this ballot, behind what is chosen
  LogIndex next;             // the first slot that was never sent
  Instant heard{};           // when anything last came from it
  std::uint64_t round = 0;   // the newest round that it answered
  LogIndex commit_sent;      // the newest commit index that it was told
  Instant asked_snapshot{};  // when it last asked for a part of one
  LogIndex commit_at_heartbeat{UINT64_MAX};  // the master's; never yet
  bool caught_up = false;  // between two heartbeats it learned all that was chosen before
  Instant leaves_at = Instant::max();  // not a member any more: told until then, so that it knows

  std::deque<InFlight> in_flight;  // not yet answered, in the order of sending
  std::size_t in_flight_bytes = 0;
  Duration round_trip{};  // of an accept, with the peer's disk; moving average; 0: not known yet

  void sent(LogIndex first, LogIndex last, std::size_t bytes, Instant now) {
    in_flight.push_back({first, last, bytes, now});
    in_flight_bytes += bytes;
  }
  // Only for a message that was sent once: the answer to one that was sent again may belong to
  // either sending (Karn and Partridge 1987).
  void note_round_trip(Duration took) {
    round_trip = round_trip == Duration() ? took : round_trip + (took - round_trip) / 8;
  }
  void drop(std::deque<InFlight>::iterator item) {
    in_flight_bytes -= item->bytes;
    in_flight.erase(item);
  }
};

}  // namespace polis::paxos
