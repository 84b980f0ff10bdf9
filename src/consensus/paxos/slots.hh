#pragma once

// Slots: what one replica has accepted or knows to be chosen, slot by slot; a log with gaps.
// Entries through a *base* have been forgotten, because the state machine holds their effects.
// Slots does not know what is chosen; Paxos does.
//
// SlotSet: a set of slot numbers, for what a peer is known to have accepted.
//
// Threads: none of its own; one protocol object owns it.

#include <array>
#include <map>

#include "consensus/paxos/message.hh"

namespace polis::paxos {

using consensus::Ticket;

class Slots {
 public:
  // Empty, behind `base`.
  explicit Slots(LogIndex base) : base_(base), last_(base) {}

  LogIndex base() const { return base_; }
  LogIndex first() const { return base_.next(); }
  LogIndex last() const { return last_; }       // the highest slot held; base() if there is none
  std::size_t bytes() const { return bytes_; }  // of memory, about

  bool holds(LogIndex slot) const { return look(slot) != nullptr; }
  // Null: the slot is not held. The pointer is valid until that slot is replaced or forgotten.
  const Entry* find(LogIndex slot) const;
  // Precondition: holds(slot).
  const Entry& at(LogIndex slot) const;
  // The entry is durable when this ticket is. Precondition: holds(slot).
  Ticket ticket(LogIndex slot) const;

  // Puts the entry into its slot, in place of what was there. `ticket`: of the output that persists
  // it. Precondition: entry.index > base().
  void put(Entry entry, Ticket ticket);
  // Raises the base, and forgets what is not behind it any more.
  void forget_through(LogIndex slot);

  // Copies of the entries from `from` through `through`, up to the first gap. Stops before
  // `bytes_max` is exceeded, but takes one entry at least if `from` is held.
  std::vector<Entry> run(LogIndex from, LogIndex through, std::size_t bytes_max) const;
  // The same, but leaves gaps out instead of stopping. `through` becomes the last slot that was
  // looked at: the caller goes on behind it.
  std::vector<Entry> held(LogIndex from, LogIndex& through, std::size_t bytes_max) const;

 private:
  struct Slot {
    Entry entry;  // index 0: not held
    Ticket ticket;
    bool held() const { return entry.index != LogIndex(); }
  };
  // Slots that follow each other lie together. Most questions are about the newest few, which are
  // found without a search, and gaps of any width cost nothing.
  static constexpr std::uint64_t kChunk = 64;
  using Chunk = std::array<Slot, kChunk>;

  const Slot* look(LogIndex slot) const;
  Slot& make(LogIndex slot);
  // Calls `f` with each slot held from `from` through `through`, in order, until it says false.
  template <class F>
  void each(LogIndex from, LogIndex through, F f) const;

  LogIndex base_, last_;
  std::map<std::uint64_t, Chunk> chunks_;  // by slot / kChunk
  std::size_t bytes_ = 0;                  // sum of the payloads, and a fixed cost for each entry
};

// A set of slots, held as ranges.
class SlotSet {
 public:
  void add(LogIndex first, LogIndex last);  // all from `first` through `last`
  bool has(LogIndex slot) const;
  void forget_through(LogIndex slot);

 private:
  std::map<LogIndex, LogIndex> ranges_;  // first: last; apart from each other
};

}  // namespace polis::paxos
