#pragma once

// The log of Raft in memory: a run of entries without gaps, behind a *mark*. The entries through
// the mark have been forgotten, because the state machine holds their effects; of the last of them
// the index and the term are still known. The write-ahead log on disk holds the same entries for a
// restart. (paxos/slots.hh is the log with gaps.)
//
// Threads: none of its own; one protocol object owns it.

#include <deque>

#include "consensus/types.hh"

namespace polis::consensus {

class Log {
 public:
  // An empty log behind `mark`.
  explicit Log(SnapshotMark mark) : mark_(std::move(mark)) {}

  // The first and the last entry held. first_index() == mark().index + 1 always; when the log is
  // empty, last_index() == mark().index.
  LogIndex first_index() const { return mark_.index.next(); }
  LogIndex last_index() const { return mark_.index + entries_.size(); }
  Term last_term() const { return entries_.empty() ? mark_.term : entries_.back().term; }
  const SnapshotMark& mark() const { return mark_; }
  std::size_t bytes() const { return bytes_; }  // of memory, about

  // Whether the term of `index` is known: mark().index <= index <= last_index().
  bool has_term(LogIndex index) const { return index >= mark_.index && index <= last_index(); }
  // Precondition: has_term(index).
  Term term_at(LogIndex index) const;
  // Precondition: first_index() <= index <= last_index().
  const Entry& at(LogIndex index) const;

  // Copies of the entries from `from` through `through`, or through the end of the log if that
  // comes first. Stops before `bytes_max` is exceeded, but takes one entry at least if there is
  // one. Precondition: from >= first_index().
  std::vector<Entry> slice(LogIndex from, LogIndex through, std::size_t bytes_max) const;

  // Precondition: entry.index == last_index() + 1 and entry.term >= last_term().
  void append(Entry entry);
  // Forgets `from` and everything behind it. Precondition: from >= first_index().
  void truncate_from(LogIndex from);
  // Moves the mark to `index`, and forgets the entries through it. Does nothing if the mark is
  // there or beyond. `configuration`: the one that holds at `index`. Precondition: index <=
  // last_index().
  void compact_through(LogIndex index, const Configuration& configuration);
  // Forgets all entries and begins anew behind `mark`.
  void reset(SnapshotMark mark);

 private:
  SnapshotMark mark_;
  std::deque<Entry> entries_;  // entries_[i].index == mark_.index + 1 + i
  std::size_t bytes_ = 0;      // sum of the payloads, and a fixed cost for each entry
};

}  // namespace polis::consensus
